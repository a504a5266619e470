import java.io.IOException;
import java.math.BigDecimal;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * Opens a Drop-In session and pays an order through the PayerMax sidecar.
 *
 * <pre>
 * javac *.java
 * PAYERMAX_URL=http://127.0.0.1:8080 java Checkout [outTradeNo [currency]]
 * </pre>
 *
 * <p>Needs Java 17 and nothing else; this program holds no key.
 */
public final class Checkout {
    private static final Duration TIMEOUT = Duration.ofSeconds(35); // longer than the sidecar's own, or its answer is lost
    private static final int ATTEMPTS = 3;

    /** Codes by which PayerMax says that it made no order. After any other there may be one. */
    private static final Set<String> NO_ORDER = Set.of(
            "PARAMS_INVALID", "AMOUNT_INVALID", "COUNTRY_INVALID", "CURRENCY_INVALID", "CONTRACT_INVALID",
            "SIGN_VERIFY_FAILED", "REQ_TIME_OVER_TIME", "MERCHANT_INVALID", "MERCHANT_APP_INVALID");

    /**
     * States of an order that are final. PENDING is not: the buyer has to go to data.redirectUrl, or a notification
     * will follow.
     */
    private static final Set<String> FINAL = Set.of("SUCCESS", "FAILED", "CLOSED");

    /** The request must be changed before it is sent again. */
    static final class Refused extends Exception {
        Refused(String message) {
            super(message);
        }
    }

    /** PayerMax has not received the request, so it may be sent again. */
    static final class NotSent extends Exception {
        final Duration wait;

        NotSent(String code, long seconds) {
            super(code);
            wait = Duration.ofSeconds(seconds);
        }
    }

    /** PayerMax may have done what was asked, or not. */
    static final class OutcomeUnknown extends Exception {
        OutcomeUnknown(String code, Throwable cause) {
            super(code, cause);
        }
    }

    // HTTP/1.1, since the client would otherwise ask to speak HTTP/2; no proxy,
    // since the sidecar is on this machine. HttpClient knows no Unix sockets.
    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .proxy(HttpClient.Builder.NO_PROXY)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(Duration.ofSeconds(5))
            .build();
    private final String base = System.getenv().getOrDefault("PAYERMAX_URL", "http://127.0.0.1:8080");

    /** Makes one call and returns PayerMax's answer. */
    Map<String, Object> call(String endpoint, Map<String, Object> data)
            throws Refused, NotSent, OutcomeUnknown, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(base + "/aggregate-pay/api/gateway/" + endpoint))
                .timeout(TIMEOUT)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(Json.write(Map.of("data", data))))
                .build();
        HttpResponse<String> response;
        Map<String, Object> answer;
        try {
            response = client.send(request, BodyHandlers.ofString());
            // Caddy itself refuses whoever has no password, and what is too large.
            if (List.of(401, 413).contains(response.statusCode())
                    && !response.headers().firstValue("Proxy-Status").orElse("").contains("caddy-payermax")) {
                throw new Refused("Caddy answered " + response.statusCode() + " before the sidecar saw the request");
            }
            answer = Json.read(response.body());
        } catch (ConnectException | HttpConnectTimeoutException e) {
            throw new NotSent("the sidecar is not there", 1);
        } catch (IOException | IllegalArgumentException e) {
            throw new OutcomeUnknown(e.getClass().getSimpleName(), e);
        }

        String proxyStatus = response.headers().firstValue("Proxy-Status").orElse("");
        if (!(answer.get("code") instanceof String code) || !proxyStatus.contains("caddy-payermax")) {
            throw new OutcomeUnknown("no answer of PayerMax's", null);
        }

        // error= in Proxy-Status tells the sidecar's own answers from PayerMax's. What
        // is named here is certain. Whatever else is answered, the outcome is unknown,
        // as it is while another process's call with the same number is under way.
        if (proxyStatus.contains("error=")) {
            if (code.equals("SYSTEM_ERROR") || code.equals("TOO_MANY_REQUEST")) {
                throw new NotSent(code, response.headers().firstValueAsLong("Retry-After").orElse(1));
            }
            if (response.statusCode() >= 400 && response.statusCode() < 500 && !code.equals("CALL_UNDER_WAY")) {
                StringBuilder text = new StringBuilder(code + ": " + answer.get("msg"));
                for (Object error : (List<?>) answer.getOrDefault("errors", List.of())) {
                    Map<?, ?> violation = (Map<?, ?>) error;
                    text.append("\n  ").append(violation.get("field")).append(": ").append(violation.get("message"));
                }
                throw new Refused(text.toString());
            }
        } else if (response.statusCode() == 200) {
            if (code.equals("APPLY_SUCCESS") || code.equals("ORDER_NOT_EXIST")) {
                return answer;
            }
            if (NO_ORDER.contains(code)) {
                throw new Refused(code + ": " + answer.get("msg"));
            }
        }
        throw new OutcomeUnknown(code, null);
    }

    /** Calls an endpoint that does no harm twice: a session, a query. */
    Map<String, Object> repeat(String endpoint, Map<String, Object> data)
            throws Refused, NotSent, OutcomeUnknown, InterruptedException {
        for (int attempt = 1; ; attempt++) {
            try {
                return call(endpoint, data);
            } catch (NotSent | OutcomeUnknown failure) {
                if (attempt == ATTEMPTS) {
                    throw failure;
                }
                Thread.sleep(failure instanceof NotSent notSent ? notSent.wait.toMillis() : 1000);
            }
        }
    }

    /** Returns a text in the answer's data, or an empty one. */
    private static String text(Map<String, Object> answer, String name) {
        return answer.get("data") instanceof Map<?, ?> data && data.get(name) instanceof String text ? text : "";
    }

    /** Returns the order's status, if the answer says what became of the order. */
    private static String finalStatus(Map<String, Object> answer) throws OutcomeUnknown {
        String code = (String) answer.get("code");
        String status = text(answer, "status");
        if (!code.equals("APPLY_SUCCESS") || !FINAL.contains(status)) {
            throw new OutcomeUnknown(status.isEmpty() ? code : status, null);
        }
        return status;
    }

    /**
     * Pays an order once, whatever happens to the answers, and returns its status.
     *
     * <p>After an unknown outcome the order may have been paid. So PayerMax is asked first, and only an order that it
     * does not know is sent again: under the same outTradeNo, which PayerMax accepts once. If the first request was
     * only slow, the answer to the second is ORDER_REPEAT. A new outTradeNo could take the buyer's money twice.
     */
    String pay(Map<String, Object> order) throws Refused, NotSent, OutcomeUnknown, InterruptedException {
        Object number = order.get("outTradeNo");
        NotSent notSent = null;
        OutcomeUnknown unknown = null;
        for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
            try {
                return finalStatus(call("orderAndPay", order));
            } catch (OutcomeUnknown failure) {
                unknown = failure;
            } catch (Refused failure) {
                if (unknown == null) { // else an earlier attempt may have made the order
                    throw failure;
                }
            } catch (NotSent failure) {
                notSent = failure;
                Thread.sleep(failure.wait.toMillis());
                if (unknown == null) {
                    continue;
                }
            }

            System.out.printf("order %s: outcome unknown (%s), asking PayerMax%n", number, unknown.getMessage());
            Map<String, Object> answer;
            try {
                answer = repeat("orderQuery", Map.of("outTradeNo", number));
            } catch (NotSent | Refused failure) { // of the question, not of the order
                throw new OutcomeUnknown(failure.getMessage(), failure);
            }
            if (!"ORDER_NOT_EXIST".equals(answer.get("code"))) {
                return finalStatus(answer);
            }
            System.out.printf("order %s: not there yet%n", number);
            Thread.sleep(1000);
        }
        if (unknown != null) {
            throw unknown;
        }
        throw notSent;
    }

    void run(String number, String currency) throws Refused, NotSent, OutcomeUnknown, InterruptedException {
        Map<String, Object> session = repeat("applyDropinSession", Map.of(
                "totalAmount", new BigDecimal("10000"),
                "currency", currency,
                "country", "ID",
                "userId", "U10001",
                "componentList", List.of("CARD")));
        String sessionKey = text(session, "sessionKey");
        if (sessionKey.isEmpty()) {
            throw new OutcomeUnknown("no session key", null);
        }
        System.out.println("session: " + sessionKey);

        String status = pay(Map.of(
                "outTradeNo", number,
                "integrate", "Direct_Payment",
                "subject", "One coffee",
                "totalAmount", new BigDecimal("10000"),
                "currency", currency,
                "country", "ID",
                "userId", "U10001",
                "terminalType", "WEB",
                "paymentDetail", Map.of(
                        // From the Drop-In component in the buyer's browser.
                        "paymentToken", "332e4cc1af1740aeafe9e7df82aeb5a1",
                        "sessionKey", sessionKey,
                        "buyerInfo", Map.of("clientIp", "59.82.59.92", "userAgent", "Chrome"))));
        System.out.printf("order %s: %s%n", number, status);
    }

    /**
     * Returns an outTradeNo that none has had: the time alone recurs where clocks are set back, or orders come at once.
     */
    static String newNumber() {
        return "P" + System.currentTimeMillis() + UUID.randomUUID().toString().substring(24);
    }

    public static void main(String[] args) throws InterruptedException {
        String number = args.length > 0 ? args[0] : newNumber();
        String currency = args.length > 1 ? args[1] : "IDR";
        String said;
        try {
            new Checkout().run(number, currency);
            return;
        } catch (Refused failure) {
            said = "refused: " + failure.getMessage();
        } catch (NotSent failure) {
            said = "not sent: " + failure.getMessage();
        } catch (OutcomeUnknown failure) {
            said = "outcome unknown: " + failure.getMessage();
        }
        System.err.println(said);
        System.exit(1);
    }
}
