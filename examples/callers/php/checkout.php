<?php
// Opens a Drop-In session and pays an order through the PayerMax sidecar.
//
//     PAYERMAX_URL=http://127.0.0.1:8080 php checkout.php [outTradeNo [currency]]
//
// PAYERMAX_URL may name a Unix socket: unix:/run/payermax/payermax.sock.
// Needs PHP 8.1 with its curl extension; this program holds no key.

declare(strict_types=1);

const TIMEOUT = 35; // seconds; longer than the sidecar's own timeout, or its answer is lost
const ATTEMPTS = 3;

/** Codes by which PayerMax says that it made no order. After any other there may be one. */
const NO_ORDER = [
    'PARAMS_INVALID', 'AMOUNT_INVALID', 'COUNTRY_INVALID', 'CURRENCY_INVALID', 'CONTRACT_INVALID',
    'SIGN_VERIFY_FAILED', 'REQ_TIME_OVER_TIME', 'MERCHANT_INVALID', 'MERCHANT_APP_INVALID',
];

/**
 * States of an order that are final. PENDING is not: the buyer has to go to
 * data.redirectUrl, or a notification will follow.
 */
const FINAL_STATES = ['SUCCESS', 'FAILED', 'CLOSED'];

/** The request must be changed before it is sent again. */
final class Refused extends RuntimeException {}

/** PayerMax has not received the request, so it may be sent again. */
final class NotSent extends RuntimeException
{
    public function __construct(string $code, public readonly int $wait = 1)
    {
        parent::__construct($code);
    }
}

/** PayerMax may have done what was asked, or not. */
final class OutcomeUnknown extends RuntimeException {}

/** Makes one call and returns PayerMax's answer. */
function call(string $endpoint, array $data): array
{
    $base = getenv('PAYERMAX_URL') ?: 'http://127.0.0.1:8080';
    $headers = [];
    $curl = curl_init();
    if (str_starts_with($base, 'unix:')) {
        curl_setopt($curl, CURLOPT_UNIX_SOCKET_PATH, substr($base, strlen('unix:')));
        $base = 'http://localhost';
    }
    curl_setopt_array($curl, [
        CURLOPT_URL => rtrim($base, '/') . '/aggregate-pay/api/gateway/' . $endpoint,
        CURLOPT_POSTFIELDS => json_encode(['data' => $data], JSON_THROW_ON_ERROR),
        CURLOPT_HTTPHEADER => ['Content-Type: application/json'],
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => TIMEOUT,
        CURLOPT_FOLLOWLOCATION => false,
        CURLOPT_PROXY => '', // whatever the environment says: the sidecar is on this machine
        CURLOPT_HEADERFUNCTION => function ($curl, string $line) use (&$headers): int {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $headers[strtolower($name)] = trim($value);
            return strlen($line);
        },
    ]);
    $body = curl_exec($curl);
    if ($body === false) {
        throw curl_errno($curl) === CURLE_COULDNT_CONNECT
            ? new NotSent('the sidecar is not there')
            : new OutcomeUnknown(curl_strerror(curl_errno($curl)));
    }
    $answer = json_decode($body, true);
    $code = $answer['code'] ?? null;
    $proxyStatus = $headers['proxy-status'] ?? '';
    // Caddy itself refuses whoever has no password, and what is too large.
    $letIn = !in_array(curl_getinfo($curl, CURLINFO_RESPONSE_CODE), [401, 413], true);
    if (!$letIn && !str_contains($proxyStatus, 'caddy-payermax')) {
        throw new Refused('Caddy answered ' . curl_getinfo($curl, CURLINFO_RESPONSE_CODE) . ' before the sidecar saw the request');
    }
    if (!is_string($code) || !str_contains($proxyStatus, 'caddy-payermax')) {
        throw new OutcomeUnknown('no answer of PayerMax\'s');
    }

    // error= in Proxy-Status tells the sidecar's own answers from PayerMax's. What
    // is named here is certain. Whatever else is answered, the outcome is unknown,
    // as it is while another process's call with the same number is under way.
    $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    if (str_contains($proxyStatus, 'error=')) {
        if ($code === 'SYSTEM_ERROR' || $code === 'TOO_MANY_REQUEST') {
            throw new NotSent($code, (int) ($headers['retry-after'] ?? 1));
        }
        if ($status >= 400 && $status < 500 && $code !== 'CALL_UNDER_WAY') {
            $lines = array_map(fn (array $e): string => "\n  {$e['field']}: {$e['message']}", $answer['errors'] ?? []);
            throw new Refused("$code: {$answer['msg']}" . implode('', $lines));
        }
    } elseif ($status === 200) {
        if ($code === 'APPLY_SUCCESS' || $code === 'ORDER_NOT_EXIST') {
            return $answer;
        }
        if (in_array($code, NO_ORDER, true)) {
            throw new Refused("$code: " . ($answer['msg'] ?? ''));
        }
    }
    throw new OutcomeUnknown($code);
}

/** Calls an endpoint that does no harm twice: a session, a query. */
function repeat(string $endpoint, array $data): array
{
    for ($attempt = 1; ; $attempt++) {
        try {
            return call($endpoint, $data);
        } catch (NotSent | OutcomeUnknown $failure) {
            if ($attempt === ATTEMPTS) {
                throw $failure;
            }
            sleep($failure instanceof NotSent ? $failure->wait : 1);
        }
    }
}

/** Returns the order's status, if the answer says what became of the order. */
function finalStatus(array $answer): string
{
    $status = $answer['data']['status'] ?? null;
    if ($answer['code'] !== 'APPLY_SUCCESS' || !in_array($status, FINAL_STATES, true)) {
        throw new OutcomeUnknown(is_string($status) ? $status : $answer['code']);
    }
    return $status;
}

/**
 * Pays an order once, whatever happens to the answers, and returns its status.
 *
 * After an unknown outcome the order may have been paid. So PayerMax is asked
 * first, and only an order that it does not know is sent again: under the same
 * outTradeNo, which PayerMax accepts once. If the first request was only slow,
 * the answer to the second is ORDER_REPEAT. A new outTradeNo could take the
 * buyer's money twice.
 */
function pay(array $order): string
{
    $number = $order['outTradeNo'];
    $unknown = $notSent = null;
    for ($attempt = 1; $attempt <= ATTEMPTS; $attempt++) {
        try {
            return finalStatus(call('orderAndPay', $order));
        } catch (OutcomeUnknown $failure) {
            $unknown = $failure;
        } catch (Refused $failure) {
            if (!$unknown) { // else an earlier attempt may have made the order
                throw $failure;
            }
        } catch (NotSent $failure) {
            $notSent = $failure;
            sleep($failure->wait);
            if (!$unknown) {
                continue;
            }
        }

        echo "order $number: outcome unknown ({$unknown->getMessage()}), asking PayerMax\n";
        try {
            $answer = repeat('orderQuery', ['outTradeNo' => $number]);
        } catch (NotSent | Refused $failure) { // of the question, not of the order
            throw new OutcomeUnknown($failure->getMessage(), previous: $failure);
        }
        if ($answer['code'] !== 'ORDER_NOT_EXIST') {
            return finalStatus($answer);
        }
        echo "order $number: not there yet\n";
        sleep(1);
    }
    throw $unknown ?? $notSent;
}

function main(string $number, string $currency): void
{
    $session = repeat('applyDropinSession', [
        'totalAmount' => 10000,
        'currency' => $currency,
        'country' => 'ID',
        'userId' => 'U10001',
        'componentList' => ['CARD'],
    ]);
    $sessionKey = $session['data']['sessionKey'] ?? null;
    if (!is_string($sessionKey)) {
        throw new OutcomeUnknown('no session key');
    }
    echo "session: $sessionKey\n";

    $status = pay([
        'outTradeNo' => $number,
        'integrate' => 'Direct_Payment',
        'subject' => 'One coffee',
        'totalAmount' => 10000,
        'currency' => $currency,
        'country' => 'ID',
        'userId' => 'U10001',
        'terminalType' => 'WEB',
        'paymentDetail' => [
            // From the Drop-In component in the buyer's browser.
            'paymentToken' => '332e4cc1af1740aeafe9e7df82aeb5a1',
            'sessionKey' => $sessionKey,
            'buyerInfo' => ['clientIp' => '59.82.59.92', 'userAgent' => 'Chrome'],
        ],
    ]);
    echo "order $number: $status\n";
}

/**
 * Returns an outTradeNo that none has had: the time alone recurs where clocks are
 * set back, or orders come at once.
 */
function newNumber(): string
{
    return 'P' . (int) (microtime(true) * 1000) . bin2hex(random_bytes(5));
}

try {
    main($argv[1] ?? newNumber(), $argv[2] ?? 'IDR');
} catch (Refused | NotSent | OutcomeUnknown $failure) {
    $said = ['Refused' => 'refused', 'NotSent' => 'not sent', 'OutcomeUnknown' => 'outcome unknown'][$failure::class];
    fwrite(STDERR, "$said: {$failure->getMessage()}\n");
    exit(1);
}
