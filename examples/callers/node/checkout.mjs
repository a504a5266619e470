#!/usr/bin/env node
// Opens a Drop-In session and pays an order through the PayerMax sidecar.
//
//     PAYERMAX_URL=http://127.0.0.1:8080 ./checkout.mjs [outTradeNo [currency]]
//
// PAYERMAX_URL may name a Unix socket: unix:/run/payermax/payermax.sock.
// Needs Node.js 18 and nothing else; this program holds no key.

import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const payermaxURL = process.env.PAYERMAX_URL ?? 'http://127.0.0.1:8080'
const timeout = 35_000 // longer than the sidecar's own timeout, or its answer is lost
const attempts = 3

// Codes of PayerMax's that do not say what became of an order.
const undecided = ['SYSTEM_ERROR', 'UNEXPECTED_ERROR', 'REQUEST_TIMEOUT', 'ORDER_REPEAT']

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
    answer = JSON.parse(response.text)
  } catch (error) {
    if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') throw new NotSent('the sidecar is not there')
    throw new OutcomeUnknown(error.name)
  }

  const code = answer?.code
  const proxyStatus = headers['proxy-status'] ?? ''
  if (!code || !proxyStatus.includes('caddy-payermax')) throw new OutcomeUnknown("no answer of PayerMax's")

  // error= in Proxy-Status tells the sidecar's own answers from PayerMax's, which
  // have the status 200 if they say what became of the call.
  if (!proxyStatus.includes('error=')) {
    if (status !== 200 || undecided.includes(code)) throw new OutcomeUnknown(code)
    return answer
  }
  if (code === 'SYSTEM_ERROR') throw new NotSent(code, Number(headers['retry-after'] ?? 1))
  if (['REQUEST_TIMEOUT', 'CHECK_SIGN_ERROR'].includes(code)) throw new OutcomeUnknown(code)
  const lines = (answer.errors ?? []).map((e) => `  ${e.field}: ${e.message}`)
  throw new Refused([`${code}: ${answer.msg}`, ...lines].join('\n'))
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

/**
 * Pays an order once, whatever happens to the answers.
 *
 * After an unknown outcome the order may have been paid. So PayerMax is asked
 * first, and only an order that it does not know is sent again: under the same
 * outTradeNo, which PayerMax accepts once. If the first request was only slow,
 * the answer to the second is ORDER_REPEAT. A new outTradeNo could take the
 * buyer's money twice.
 */
async function pay(order) {
  const number = order.outTradeNo
  let last
  for (let attempt = 1; attempt <= attempts; attempt++) {
    try {
      return await call('orderAndPay', order)
    } catch (failure) {
      if (failure instanceof NotSent) {
        last ??= failure
        await sleep(failure.wait)
        continue
      }
      if (!(failure instanceof OutcomeUnknown)) throw failure
      last = failure
      console.log(`order ${number}: outcome unknown (${failure.message}), asking PayerMax`)
    }
    const answer = await repeat('orderQuery', { outTradeNo: number }).catch((failure) => {
      throw new OutcomeUnknown(failure.message) // of the order, even if the question was not sent
    })
    if (answer.code === 'APPLY_SUCCESS') return answer
    if (answer.code !== 'ORDER_NOT_EXIST') throw new OutcomeUnknown(answer.code) // this is about the question
    console.log(`order ${number}: not there, sending it again`)
  }
  throw last
}

async function main(number = `P${Date.now()}`, currency = 'IDR') {
  const session = await repeat('applyDropinSession', {
    totalAmount: 10000,
    currency,
    country: 'ID',
    userId: 'U10001',
    componentList: ['CARD'],
  })
  if (session.code !== 'APPLY_SUCCESS') throw new Refused(session.code)
  console.log(`session: ${session.data.sessionKey}`)

  const answer = await pay({
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
      sessionKey: session.data.sessionKey,
      buyerInfo: { clientIp: '59.82.59.92', userAgent: 'Chrome' },
    },
  })
  // APPLY_SUCCESS says that PayerMax took the request; data.status, whether the
  // order was paid. PENDING has a redirectUrl, or is followed by a notification.
  console.log(`order ${number}: ${answer.code === 'APPLY_SUCCESS' ? answer.data.status : answer.code}`)
}

try {
  await main(...process.argv.slice(2))
} catch (failure) {
  const said = { Refused: 'refused', NotSent: 'not sent', OutcomeUnknown: 'outcome unknown' }[failure.constructor.name]
  if (!said) throw failure
  console.error(`${said}: ${failure.message}`)
  process.exitCode = 1
}
