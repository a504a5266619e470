#!/usr/bin/env node
// Opens a Drop-In session and pays an order through the PayerMax sidecar.
//
//     PAYERMAX_URL=http://127.0.0.1:8080 ./checkout.mjs [outTradeNo [currency]]
//
// PAYERMAX_URL may name a Unix socket: unix:/run/payermax/payermax.sock.
// Needs Node.js 18 and nothing else; this program holds no key.

import { randomBytes } from 'node:crypto'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const payermaxURL = process.env.PAYERMAX_URL ?? 'http://127.0.0.1:8080'
const timeout = 35_000 // longer than the sidecar's own timeout, or its answer is lost
const attempts = 3

// Codes by which PayerMax says that it made no order. After any other there may be one.
const noOrder = [
  'PARAMS_INVALID', 'AMOUNT_INVALID', 'COUNTRY_INVALID', 'CURRENCY_INVALID', 'CONTRACT_INVALID',
  'SIGN_VERIFY_FAILED', 'REQ_TIME_OVER_TIME', 'MERCHANT_INVALID', 'MERCHANT_APP_INVALID',
]

// States of an order that are final. PENDING is not: the buyer has to go to
// data.redirectUrl, or a notification will follow.
const final = ['SUCCESS', 'FAILED', 'CLOSED']

/** The request must be changed before it is sent again. */
class Refused extends Error {}

/** PayerMax has not received the request, so it may be sent again. */
class NotSent extends Error {
  constructor(code, seconds = 1) {
    super(code)
    this.wait = seconds * 1000
  }
}

/** PayerMax may have done what was asked, or not. */
class OutcomeUnknown extends Error {}

/** Posts a body to the sidecar. node:http, unlike fetch, speaks over Unix sockets too, and follows no redirect. */
function post(path, body) {
  const target = payermaxURL.startsWith('unix:')
    ? { socketPath: payermaxURL.slice('unix:'.length), path }
    : { hostname: new URL(payermaxURL).hostname, port: new URL(payermaxURL).port || 80, path }
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const options = { ...target, method: 'POST', headers, signal: AbortSignal.timeout(timeout) }
    const request = http.request(options, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Makes one call and returns PayerMax's answer. */
async function call(endpoint, data) {
  let status, headers, answer
  try {
    const response = await post('/aggregate-pay/api/gateway/' + endpoint, JSON.stringify({ data }))
    ;({ status, headers } = response)
    // Caddy itself refuses whoever has no password, and what is too large.
    if ((status === 401 || status === 413) && !(headers['proxy-status'] ?? '').includes('caddy-payermax')) {
      throw new Refused(`Caddy answered ${status} before the sidecar saw the request`)
    }
    answer = JSON.parse(response.text)
  } catch (error) {
    if (error instanceof Refused) throw error
    if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') throw new NotSent('the sidecar is not there')
    throw new OutcomeUnknown(error.name)
  }

  const code = answer?.code
  const proxyStatus = headers['proxy-status'] ?? ''
  if (!code || !proxyStatus.includes('caddy-payermax')) throw new OutcomeUnknown("no answer of PayerMax's")

  // error= in Proxy-Status tells the sidecar's own answers from PayerMax's. What
  // is named here is certain. Whatever else is answered, the outcome is unknown,
  // as it is while another process's call with the same number is under way.
  if (proxyStatus.includes('error=')) {
    if (['SYSTEM_ERROR', 'TOO_MANY_REQUEST'].includes(code)) throw new NotSent(code, Number(headers['retry-after'] ?? 1))
    if (status >= 400 && status < 500 && code !== 'CALL_UNDER_WAY') {
      const lines = (answer.errors ?? []).map((e) => `  ${e.field}: ${e.message}`)
      throw new Refused([`${code}: ${answer.msg}`, ...lines].join('\n'))
    }
  } else if (status === 200) {
    if (['APPLY_SUCCESS', 'ORDER_NOT_EXIST'].includes(code)) return answer
    if (noOrder.includes(code)) throw new Refused(`${code}: ${answer.msg}`)
  }
  throw new OutcomeUnknown(code)
}

/** Calls an endpoint that does no harm twice: a session, a query. */
async function repeat(endpoint, data) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(endpoint, data)
    } catch (failure) {
      if (failure instanceof Refused || attempt === attempts) throw failure
      await sleep(failure.wait ?? 1000)
    }
  }
}

/** Returns the order's status, if the answer says what became of the order. */
function finalStatus(answer) {
  const status = answer.data?.status
  if (answer.code !== 'APPLY_SUCCESS' || !final.includes(status)) throw new OutcomeUnknown(status || answer.code)
  return status
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
async function pay(order) {
  const number = order.outTradeNo
  let unknown, notSent
  for (let attempt = 1; attempt <= attempts; attempt++) {
    try {
      return finalStatus(await call('orderAndPay', order))
    } catch (failure) {
      if (failure instanceof OutcomeUnknown) {
        unknown = failure
      } else if (failure instanceof NotSent) {
        notSent = failure
        await sleep(failure.wait)
        if (!unknown) continue
      } else if (!unknown) {
        throw failure // else an earlier attempt may have made the order
      }
    }

    console.log(`order ${number}: outcome unknown (${unknown.message}), asking PayerMax`)
    const answer = await repeat('orderQuery', { outTradeNo: number }).catch((failure) => {
      throw new OutcomeUnknown(failure.message) // of the order, even if the question was not sent
    })
    if (answer.code !== 'ORDER_NOT_EXIST') return finalStatus(answer)
    console.log(`order ${number}: not there yet`)
    await sleep(1000)
  }
  throw unknown ?? notSent
}

/**
 * Returns an outTradeNo that none has had: the time alone recurs where clocks are
 * set back, or orders come at once.
 */
const newNumber = () => `P${Date.now()}${randomBytes(5).toString('hex')}`

async function main(number = newNumber(), currency = 'IDR') {
  const session = await repeat('applyDropinSession', {
    totalAmount: 10000,
    currency,
    country: 'ID',
    userId: 'U10001',
    componentList: ['CARD'],
  })
  const sessionKey = session.data?.sessionKey
  if (!sessionKey) throw new OutcomeUnknown('no session key')
  console.log(`session: ${sessionKey}`)

  const status = await pay({
    outTradeNo: number,
    integrate: 'Direct_Payment',
    subject: 'One coffee',
    totalAmount: 10000,
    currency,
    country: 'ID',
    userId: 'U10001',
    terminalType: 'WEB',
    paymentDetail: {
      // From the Drop-In component in the buyer's browser.
      paymentToken: '332e4cc1af1740aeafe9e7df82aeb5a1',
      sessionKey,
      buyerInfo: { clientIp: '59.82.59.92', userAgent: 'Chrome' },
    },
  })
  console.log(`order ${number}: ${status}`)
}

try {
  await main(...process.argv.slice(2))
} catch (failure) {
  const said = { Refused: 'refused', NotSent: 'not sent', OutcomeUnknown: 'outcome unknown' }[failure.constructor.name]
  if (!said) throw failure
  console.error(`${said}: ${failure.message}`)
  process.exitCode = 1
}
