package payermax

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// instrumentation names this module in traces.
const instrumentation = "github.com/caddy-payermax/caddy-payermax"

// startSpan starts a span for a step of the call, in the trace that Caddy's tracing
// directive started. Without a trace it does nothing. The trace context is not sent to
// PayerMax.
func (c *call) startSpan(ctx context.Context, step string) (context.Context, trace.Span) {
	if !c.trace.IsValid() {
		return ctx, noop.Span{}
	}
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(instrumentation).
		Start(ctx, "payermax."+step, trace.WithAttributes(attribute.String("payermax.endpoint", c.route.Name)))
}

// endSpan ends a span, as failed if err is not nil. The error's text goes only to the
// log, not to the trace.
func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
