package payermax

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// Within a trace, each step of a call is a span, and its duration metric has the trace as
// the exemplar. The trace context is not sent to PayerMax.
func TestTrace(t *testing.T) {
	h := newHandler(t)
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	ctx, root := provider.Tracer("test").Start(t.Context(), "request")

	r := post(sessionBody).WithContext(ctx)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	serve(t, h, r, func(w http.ResponseWriter, r *http.Request) error {
		assert.Empty(t, r.Header["Traceparent"])
		_, err := io.WriteString(w, `{"code":"APPLY_SUCCESS"}`)
		return err
	})
	root.End()

	var names []string
	for _, span := range recorder.Ended() {
		names = append(names, span.Name())
		assert.Equal(t, root.SpanContext().TraceID(), span.SpanContext().TraceID())
		if span.Name() != "request" {
			assert.Equal(t, root.SpanContext().SpanID(), span.Parent().SpanID())
			require.Len(t, span.Attributes(), 1)
			assert.Equal(t, "applyDropinSession", span.Attributes()[0].Value.AsString())
		}
	}
	assert.Equal(t, []string{"payermax.validate", "payermax.sign", "payermax.upstream", "request"}, names)

	var traces []string
	for _, metric := range testtool.Gathered(t, processMetrics.duration)[0].GetMetric() { // other tests may have called other endpoints
		for _, bucket := range metric.GetHistogram().GetBucket() {
			for _, label := range bucket.GetExemplar().GetLabel() {
				traces = append(traces, label.GetValue())
			}
		}
	}
	assert.Contains(t, traces, root.SpanContext().TraceID().String())
}
