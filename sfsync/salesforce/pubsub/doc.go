// Package pubsub follows the changes of a Salesforce org as they happen, over
// the streaming calls of the Pub/Sub API, and fetches the schemas they are in.
//
// The rule it keeps: a subscription asks for no more events than its caller has
// taken. What was asked for and not yet taken never exceeds [Options.Window], so
// that a slow consumer slows the stream down instead of filling memory, and
// deliveries come in the order in which Salesforce sent them.
//
//	bus := pubsub.New(org, pubsub.Options{})
//	for delivery, err := range bus.Subscribe(ctx, "/data/ContactChangeEvent", pubsub.After(position)) {
//		if err != nil { … }            // the stream has ended; see Errors
//		for _, event := range delivery.Events { … }
//	}
//
// [PubSub.Managed] follows a subscription whose position the service keeps, by
// the ManagedSubscribe call. Leaving a loop ends its call and waits for it. A subscription does not
// repeat itself: only the caller knows which position is safe to go on from, and
// it is the last one it has committed, not the last one delivered. It is never
// LATEST, which loses what happened in between.
//
// # Flow
//
// The service keeps at most 100 events outstanding on a stream (Pub/Sub API
// guide, "Event allocations") and adds up what is requested. So the first request
// asks for the window, and each delivery taken is asked for again at once, while
// the rest is still on its way: 100 events a round trip, with no pause. With
// nothing to deliver the service answers every 270 seconds with an empty
// response whose position may have moved (eventbus.v1, FetchResponse); it comes
// as a [Delivery] without events. A stream with no answer for longer is dead.
//
// # Errors
//
// Every error is a fault.Error. The trailer error-code decides ("Handle errors"
// in the guide; the suffix of sfdc.platform.eventbus.grpc.), because statuses
// differ for one cause: an unavailable service was seen as INTERNAL.
//
//	service.auth.error, service.auth.refresh.invalid,
//	  UNAUTHENTICATED                                  SessionExpired
//	service.protection.*, concurrent.client.limit.*,
//	  subscription.fetch.overflow, RESOURCE_EXHAUSTED  Throttled
//	service.unavailable, *.api.unavailable,
//	  subscription.internal.error,
//	  subscription.fetch.replay.repeated,
//	  UNAVAILABLE, INTERNAL, UNKNOWN, ABORTED, OK      Unavailable
//	service.tenant.license, *.meta.permission,
//	  subscription.topic.cannot.subscribe,
//	  PERMISSION_DENIED                                Denied
//	topic.not.found, NOT_FOUND                         NotSelected (NotFound for a schema)
//	schema.validation.*                                NotFound
//	subscription.fetch.replayid.*                      ReplayInvalid
//	subscription.limit.exceeded                        LimitExceeded
//	*.validation.*, subscription.fetch.*,
//	  service.auth.headers.invalid,
//	  INVALID_ARGUMENT and other statuses              RequestInvalid
//	managed.subscription.already.active,
//	  ALREADY_EXISTS                                   Conflict
//	managed.subscription.config.stopped                ConfigInvalid
//	managed.subscription.config.deleted, *.not.found   NotFound
//	managed.subscription.*                             RequestInvalid
//	an answer in HTTP with status 3xx                  RedirectRefused
//
// Expired, corrupted and reset replay ids share one code; all of them need a new
// position and a reconcile.
//
// # Security
//
// The text of a status, which quotes tokens and ids, is dropped. The access token
// travels as call credentials over a connection that salesforce.Org has verified.
// Payloads are personal data: the slices of an [Event] are those of the message,
// copied nowhere, and become garbage with it.
package pubsub
