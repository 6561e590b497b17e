package salesforcetest

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec for everything but frames
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxResponse is the size of a FetchResponse beyond which events go into the
// next one; the service keeps to 3 MB.
const maxResponse = 3_000_000

// frame is a FetchResponse that is already bytes. Events are marshalled once,
// when they are published, whatever the number of their readers.
type frame []byte

// frameCodec sends frames as they are and leaves all else to the proto codec.
type frameCodec struct{}

func (frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(frame); ok {
		return mem.BufferSlice{mem.SliceBuffer(f)}, nil
	}
	return encoding.GetCodecV2("proto").Marshal(v)
}

func (frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	return encoding.GetCodecV2("proto").Unmarshal(data, v)
}

func (frameCodec) Name() string { return "proto" }

// finishFrame adds what follows the events in a FetchResponse.
func finishFrame(f frame, latest []byte, rpcID string, pending int32) frame {
	f = appendBytes(f, 2, latest)
	f = appendBytes(f, 3, []byte(rpcID))
	if pending > 0 { // proto3 leaves a zero out
		f = protowire.AppendTag(f, 4, protowire.VarintType)
		f = protowire.AppendVarint(f, uint64(pending))
	}
	return f
}
