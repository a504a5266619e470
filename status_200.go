package payermax

import (
	"net/http"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// presentStatus gives an answer the one status that PayerMax's documents know, if the
// application asks for that. The log and Proxy-Status keep the true one.
func (h *Handler) presentStatus(answer *reply.Answer) {
	if h.Status200 {
		answer.Status = http.StatusOK
	}
}
