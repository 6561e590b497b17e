package salesforcetest

import (
	"context"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

// pubSubServer is eventbus.v1.PubSub over the org's bus.
type pubSubServer struct {
	pubsubpb.UnimplementedPubSubServer
	bus   *eventBus
	grpc  *grpc.Server
	conns *connections

	streams streams
}

func newPubSubServer(b *eventBus) *pubSubServer {
	s := &pubSubServer{bus: b, conns: &connections{open: map[*connection]struct{}{}}}
	s.grpc = grpc.NewServer(
		grpc.ForceServerCodecV2(frameCodec{}),
		// gRPC's own default: whoever pings more often gets GOAWAY too_many_pings.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Minute}),
		grpc.MaxConcurrentStreams(1000),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := s.authenticate(ctx); err != nil {
				return nil, b.settings().restate(err)
			}
			answer, err := next(ctx, req)
			return answer, b.settings().restate(err)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			err := s.authenticate(stream.Context())
			if err == nil {
				err = s.admit(stream.Context())
			}
			if err != nil {
				return b.settings().restate(err)
			}
			defer s.streams.opened()()
			return b.settings().restate(next(srv, stream))
		}))
	pubsubpb.RegisterPubSubServer(s.grpc, s)
	return s
}

// servePubSub serves the Pub/Sub API on a listener until the org is closed. It
// may be called for several.
func (o *Org) servePubSub(l net.Listener) {
	s := o.events.server
	_ = s.grpc.Serve(&delayedListener{Listener: l, bus: o.events, conns: s.conns}) // its error is that it was stopped
}

func (s *pubSubServer) stop() { s.grpc.Stop() }

// authenticate checks the metadata that every call carries (Pub/Sub API guide,
// "Supported Authentication"), and whether the org serves any call at all.
func (s *pubSubServer) authenticate(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, name := range []string{"accesstoken", "instanceurl", "tenantid"} {
		if len(md[name]) != 1 || md[name][0] == "" {
			return refuseCall(ctx, codes.Unauthenticated, "service.auth.headers.invalid",
				"One or more of the authentication headers is invalid: "+name+".")
		}
	}
	org := s.bus.org
	tenant, _ := longID(md["tenantid"][0])
	if tenant != org.OrgID() || !strings.HasPrefix(md["instanceurl"][0], "http") || !s.authorized(md["accesstoken"][0]) {
		return refuseCall(ctx, codes.Unauthenticated, "service.auth.error",
			"An authentication exception occurred. Provide valid authentication via metadata headers.")
	}
	switch options := s.bus.settings(); {
	case options.Unlicensed:
		return refuseCall(ctx, codes.PermissionDenied, "service.tenant.license", "The org doesn't have a license for the Pub/Sub API.")
	case options.Throttled:
		return refuseCall(ctx, codes.ResourceExhausted, "service.protection.triggered", "The service is protecting itself. Try again later.")
	}
	return nil
}

// admit refuses a streaming call above the number that may be open.
func (s *pubSubServer) admit(ctx context.Context) error {
	if limit := s.bus.settings().MaxStreams; limit != 0 && s.streams.open.Load() >= int64(limit) {
		return refuseCall(ctx, codes.ResourceExhausted, "concurrent.client.limit.exceeded", "The limit of concurrent clients is exceeded.")
	}
	return nil
}

func (s *pubSubServer) authorized(token string) bool {
	return s.bus.org.session(token) != nil
}

// GetTopic describes a topic that the org has.
func (s *pubSubServer) GetTopic(ctx context.Context, r *pubsubpb.TopicRequest) (*pubsubpb.TopicInfo, error) {
	members, err := s.topic(ctx, r.TopicName)
	if err != nil {
		return nil, err
	}
	info := &pubsubpb.TopicInfo{TopicName: r.TopicName, TenantGuid: "CORE/prod/" + s.bus.org.OrgID(),
		CanSubscribe: true, RpcId: newUUID()}
	if script := s.bus.script(r.TopicName); script != nil {
		info.SchemaId = script.schema
		return info, nil
	}
	if !multiEntity(r.TopicName) {
		info.CanSubscribe = s.bus.org.viewAll(members[0].Object)
	}
	if !multiEntity(r.TopicName) || s.bus.settings().ChannelSchema && len(members) > 0 {
		info.SchemaId = s.bus.schemaOf(s.bus.org.object(members[0].Object)).id
	}
	return info, nil
}

// GetSchema answers the schema of that id: a minted one of any age, or one
// that Replay was given. It has all fields, also those that the user may not read.
func (s *pubSubServer) GetSchema(ctx context.Context, r *pubsubpb.SchemaRequest) (*pubsubpb.SchemaInfo, error) {
	s.bus.mu.Lock()
	schema := s.bus.schemas[r.SchemaId]
	s.bus.mu.Unlock()
	options := s.bus.settings()
	if schema == nil || options.NoSchemas {
		return nil, refuseCall(ctx, codes.InvalidArgument, "schema.validation.failed",
			"The schema ID "+r.SchemaId+" isn't valid.")
	}
	text := string(schema.text)
	if options.OddSchemas {
		text = strings.ReplaceAll(text, `"com.sforce.eventbus"`, `"com.example.eventbus"`)
	}
	return &pubsubpb.SchemaInfo{SchemaJson: text, SchemaId: r.SchemaId, RpcId: newUUID()}, nil
}

// Publish refuses: change events are the platform's to publish.
func (s *pubSubServer) Publish(ctx context.Context, r *pubsubpb.PublishRequest) (*pubsubpb.PublishResponse, error) {
	return nil, s.refusePublish(ctx, r.TopicName)
}

// PublishStream refuses at the first request.
func (s *pubSubServer) PublishStream(stream grpc.BidiStreamingServer[pubsubpb.PublishRequest, pubsubpb.PublishResponse]) error {
	r, err := stream.Recv()
	if err != nil {
		return err
	}
	return s.refusePublish(stream.Context(), r.TopicName)
}

func (s *pubSubServer) refusePublish(ctx context.Context, topic string) error {
	if topic == "" {
		return refuseCall(ctx, codes.InvalidArgument, "publish.topic.validation.empty", "The topic name is empty.")
	}
	if _, err := s.topic(ctx, topic); err != nil {
		return err
	}
	return refuseCall(ctx, codes.PermissionDenied, "topic.meta.permission", "The topic "+topic+" doesn't allow publishing: can_publish is false.")
}

// allChanges is the channel of all selected objects.
const allChanges = "/data/ChangeEvents"

// topic lists what a topic carries.
func (s *pubSubServer) topic(ctx context.Context, name string) ([]channelMember, error) {
	if name == "" {
		return nil, refuseCall(ctx, codes.InvalidArgument, "topic.validation.empty", "The topic name is empty.")
	}
	members, known := s.bus.org.topicMembers(name)
	if !known && s.bus.script(name) == nil {
		return nil, refuseCall(ctx, codes.NotFound, "topic.not.found", "Topic "+name+" not found.")
	}
	return members, nil
}
