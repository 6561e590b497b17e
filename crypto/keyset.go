package crypto

import (
	"bytes"
	"context"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/crypto/internal/mac"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// prover makes and checks the proof of a keyset: bytes that only its key can
// make, over org, use and version. Some key wrappers ignore associated data, so
// that another org's keyset would open without a word; its proof does not.
type prover interface {
	prove(tuple []byte) []byte
	proves(tuple, proof []byte) bool
}

// branch is an opened branch keyset.
type branch struct{ gcm.Ring }

func (b branch) prove(tuple []byte) []byte { return b.Seal(nil, nil, tuple) }

func (b branch) proves(tuple, proof []byte) bool {
	rest, err := b.Open(nil, proof, tuple)
	return err == nil && len(rest) == 0
}

// suppression is an opened suppression keyset.
type suppression struct{ mac.Key }

func (s suppression) prove(tuple []byte) []byte {
	d := s.Sum(tuple)
	return d[:]
}

func (s suppression) proves(tuple, proof []byte) bool { return s.Equal(tuple, proof) }

func openBranch(h *keyset.Handle) (prover, error) {
	ring, err := gcm.FromHandle(h)
	return branch{ring}, err
}

func openSuppression(h *keyset.Handle) (prover, error) {
	key, err := mac.FromHandle(h)
	return suppression{key}, err
}

// makers and openers of the keysets, by use.
func makeKeyset(use string) (*keyset.Handle, error) {
	if use == BranchUse {
		return gcm.Generate()
	}
	h, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	return h, fault.Wrap(err, fault.Internal, "crypto.OpenVault", "Tink could not make a key; report this")
}

func proverOf(use string, h *keyset.Handle) (p prover, err error) {
	secretly(func() {
		if use == BranchUse {
			p, err = openBranch(h)
		} else {
			p, err = openSuppression(h)
		}
	})
	return p, err
}

// newKeyset makes a keyset and encrypts it: one call to the key-encryption key.
func newKeyset(ctx context.Context, kek tink.AEADWithContext, org, use string, version int) (Keyset, error) {
	k := Keyset{Use: use, Version: version, State: Active, Created: time.Now().Unix()}
	h, err := makeKeyset(use)
	if err != nil {
		return Keyset{}, err
	}
	p, err := proverOf(use, h)
	if err != nil {
		return Keyset{}, err
	}
	k.Proof = p.prove(keysetTuple(proofLabel, org, k))
	return sealKeyset(ctx, kek, org, k, h)
}

// sealKeyset puts a keyset under a key-encryption key.
func sealKeyset(ctx context.Context, kek tink.AEADWithContext, org string, k Keyset, h *keyset.Handle) (Keyset, error) {
	var sealed bytes.Buffer
	seen := &witness{AEADWithContext: kek}
	if err := h.WriteWithContext(ctx, keyset.NewBinaryWriter(&sealed), seen, keysetTuple(keysetLabel, org, k)); err != nil {
		return Keyset{}, kekFault(seen.err, err)
	}
	k.Sealed, k.URI = sealed.Bytes(), urisOf(kek)[0]
	return k, nil
}

// openKeyset decrypts a keyset, one call to the key-encryption key, and checks
// that it was made for this org, use and version.
func openKeyset(ctx context.Context, kek tink.AEADWithContext, org string, k Keyset) (prover, error) {
	_, p, err := readKeyset(ctx, kek, org, k)
	return p, err
}

func readKeyset(ctx context.Context, kek tink.AEADWithContext, org string, k Keyset) (*keyset.Handle, prover, error) {
	seen := &witness{AEADWithContext: kek}
	h, err := keyset.ReadWithContext(ctx, keyset.NewBinaryReader(bytes.NewReader(k.Sealed)), seen, keysetTuple(keysetLabel, org, k))
	if err != nil && ctx.Err() == nil && another(kek, k.URI) {
		return nil, nil, fault.New(fault.KeyUnavailable, "crypto.OpenVault",
			"another key-encryption key is configured than the one that the keysets are under; give that one, whose URI Keysets shows, or exchange it by RotateKEK")
	}
	if err != nil {
		return nil, nil, kekFault(seen.err, err)
	}
	p, err := proverOf(k.Use, h)
	if err != nil {
		return nil, nil, err
	}
	if !p.proves(keysetTuple(proofLabel, org, k), k.Proof) {
		return nil, nil, fault.New(fault.WrongOrg, "crypto.OpenVault", "a keyset was made for another org or place; give the keys database of this org, unmixed")
	}
	return h, p, nil
}

// reseal encrypts a keyset by another key-encryption key, and sees that it
// opens it too: some may encrypt and not decrypt.
func reseal(ctx context.Context, kek, next tink.AEADWithContext, org string, k Keyset) (Keyset, error) {
	h, _, err := readKeyset(ctx, kek, org, k)
	if err != nil {
		return Keyset{}, err
	}
	if k, err = sealKeyset(ctx, next, org, k, h); err != nil {
		return Keyset{}, err
	}
	_, err = openKeyset(ctx, next, org, k)
	return k, err
}

// kekFault is the error of the wrapper where there is one; without, its answer
// was no keyset.
func kekFault(cause, err error) error {
	if cause == nil {
		cause = err
	}
	return fault.Wrap(cause, fault.KeyUnavailable, "crypto.OpenVault",
		"the key-encryption key does not open or cannot be reached; give the one that the keys database was made with, and see that it may be used")
}
