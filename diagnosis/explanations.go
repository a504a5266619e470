package diagnosis

// Explanation explains a cause for the table in the manual, which is generated from
// these.
type Explanation struct {
	Cause Cause
	// Meaning says what happened, and Remedy what to do about it. Both are Markdown.
	Meaning, Remedy string
}

// Explanations covers all causes, in the order of their declaration.
var Explanations = []Explanation{
	{Valid, `the signature is right`, "look at the key: does PayerMax have this key, for this `appId`, in this environment?"},
	{UnusableKey, `the public key is not an RSA key that can verify anything`, `copy it again from the dashboard`},
	{SignatureMissing, `there is no signature`, "send it in the header `sign`"},
	{SignatureDamaged, `the signature was cut or changed, or it is something else`, `copy it again; for 2048 bits it has 344 characters`},
	{SignatureEncoding, `the signature is URL-safe base64, hexadecimal or URL-encoded, has quotes or line breaks, lacks its padding, was encoded twice, or has its bytes in reverse order`, "send standard base64 with its `=`, on one line"},
	{WrongKey, `another key signed, or the signature was changed`, "compare fingerprints; see [`payermax-convert`](#payermax-convert)"},
	{PSSPadding, `RSASSA-PSS was used`, "use RSASSA-PKCS1-v1_5: `SHA256withRSA`, `OPENSSL_ALGO_SHA256`, `SignPKCS1v15`"},
	{OtherPadding, `the digest was "encrypted" with the private key, or there is no padding`, `use the library's function for signing`},
	{HashAlgorithm, `MD5, SHA-1, SHA-512 or another hash was used`, `use SHA-256`},
	{TrailingNewline, `a line break at the end of the body was added or removed`, "sign what is sent: `printf %s`, not `echo`"},
	{LineEndings, `CRLF or CR became LF, or the other way round, or lines were joined`, `sign and send bytes, not lines; transfer files in binary`},
	{ByteOrderMark, `a UTF-8 byte order mark in front of the body was added or removed`, `save without a byte order mark`},
	{WhiteSpace, `white space or a NUL around the body was added or removed before signing, or all white space was removed`, `trim before signing and sending, or not at all`},
	{Compressed, `this body is compressed, but the signed one was not`, `verify after decompression, or ask for no compression`},
	{CharacterSet, "the text was signed or sent in GBK, Big5, Shift_JIS, EUC-KR, Latin-1, ASCII (with `?` for everything else), Windows-1252 or UTF-16, in another of Unicode's normal forms, or with U+FFFD for bytes that are not UTF-8", `specify UTF-8 wherever text is converted to bytes`},
	{NoBody, "an empty body was signed, or `null`, `{}`, `[object Object]`", `read the body once, keep the bytes, sign these bytes`},
	{BodyCut, `only the beginning of the body was signed`, `count bytes, not characters; read to the end`},
	{DigestSigned, `a digest of the body was signed, so it was hashed twice`, `pass the body itself to the function that signs`},
	{JSONString, "the body, or its `data` block, was put into a JSON string only for signing, or only for sending", `do not serialise text that is JSON already`},
	{URLEncoded, `the body was URL-encoded only for signing, or only for sending`, `sign the JSON`},
	{HTMLEncoded, "the body had HTML's character references, such as `&quot;`, only for signing, or only for sending", `sign the JSON`},
	{Base64Encoded, `the body was base64-encoded, on one line or wrapped, only for signing, or only for sending`, `sign the JSON`},
	{QueryString, "`name=value` pairs of the body or of `data` were signed, perhaps with their values URL-encoded, or the body behind a name such as `data=`", `sign the JSON`},
	{CanonicalText, "the body was signed together with a method, a path, a time or an `appId`, as other gateways require, or as a JSON Web Signature", `sign the body alone`},
	{DataOnly, "only the `data` block was signed", `sign the whole body`},
	{JSONRewritten, "the JSON was written differently: spaces, order, escapes, numbers, `null` or empty members left out", `serialise once, and sign and send that text`},
	{EnvelopeChanged, "members beside `data` were added after signing, or a `sign`, filled or empty, is among them", `complete the body, then sign it`},
	{Restamped, "`requestTime`, `version` or `keyVersion` was changed after signing", `complete the body, then sign it`},
	{OtherBytes, `this key has signed something else, which none of the tried variants is`, `log length and SHA-256 where it is signed, and compare`},
}
