package diagnosis

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"
)

// maxSignature is the maximum length of a signature's text, in bytes. A signature of an
// 8192-bit key in hexadecimal has 2048.
const maxSignature = 16 << 10

// decodeSignature returns the bytes of a signature. If its text is not standard padded
// base64 on one line, the finding says what is wrong with it; if it cannot be read at
// all, the bytes are nil.
func decodeSignature(sign string) ([]byte, Finding) {
	switch {
	case strings.TrimSpace(sign) == "":
		return nil, Finding{SignatureMissing, "There is no signature: it is empty. PayerMax expects it in the header named sign."}
	case len(sign) > maxSignature:
		return nil, Finding{SignatureDamaged, "The given signature is far too long. The signature of a 2048-bit key has 344 characters."}
	}
	if signature, ok := strictBase64(sign); ok && !isText(sign, signature) {
		return signature, Finding{Cause: Valid}
	}
	signature, faults := respell(sign)
	if signature == nil {
		return nil, Finding{SignatureDamaged, "The given signature is neither base64 nor hexadecimal: it was cut off or changed, or it is not a signature. The signature of a 2048-bit key has 344 characters, ending in ==."}
	}
	return signature, Finding{SignatureEncoding, "The signature is not encoded correctly: " + strings.Join(faults, ", and ") + ". PayerMax expects standard base64, with + and /, with the = signs at its end, on one line."}
}

// strictBase64 decodes the only correct spelling: standard padded base64 on one line.
func strictBase64(sign string) ([]byte, bool) {
	if strings.ContainsAny(sign, "\r\n") { // encoding/base64 skips them, in strict mode too
		return nil, false
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(sign)
	return signature, err == nil
}

// isText reports whether what looks like the base64 of a signature is really its
// hexadecimal form, or the base64 of its hexadecimal or base64 form. The bytes of a
// signature are never all letters.
func isText(sign string, signature []byte) bool {
	_, notHex := hex.DecodeString(sign)
	_, notHexInside := hex.DecodeString(string(signature))
	_, again := strictBase64(string(signature))
	return notHex == nil || (notHexInside == nil || again) && len(signature) > 0
}

var (
	// headerName matches the name of the header before the value, as in a log, a curl
	// command or JSON, or what OpenSSL prints there. Base64 never contains a colon, nor
	// begins with an equals sign.
	headerName = regexp.MustCompile(`(?i)^\s*(?:-H\s*)?[{'"]*\s*(?:sign|signature|(?:RSA-)?SHA2?-?256\([^)]*\))['"]?\s*[:=]\s*`)
	// hexPairs matches hexadecimal, optionally with 0x in front or separators between the
	// bytes.
	hexPairs = regexp.MustCompile(`^(?:0[xX])?[0-9A-Fa-f]{2}(?:[:\s]*[0-9A-Fa-f]{2}){127,}$`)
	// escaped replaces the escapes of JSON and HTML for the special characters of base64.
	escaped = strings.NewReplacer(`\/`, "/", `\u002b`, "+", `\u002B`, "+", `\u003d`, "=", `\u003D`, "=", `\u002f`, "/", `\u002F`, "/", "&#43;", "+", "&#x2B;", "+", "&#61;", "=", "&#x3D;", "=", "&#47;", "/", "&#x2F;", "/")
)

// around are the characters, visible or not, that may surround a signature without
// belonging to it.
const around = " \t\r\n\"'`{}<>,;\u00a0\u200b\u2060\ufeff"

// respell decodes a signature in the spellings that programs turn it into, and says which
// ones it found.
func respell(sign string) (signature []byte, faults []string) {
	change := func(to, fault string) {
		if to != sign {
			sign, faults = to, append(faults, fault)
		}
	}
	change(headerName.ReplaceAllString(sign, ""), "the name of its header precedes it")
	change(escaped.Replace(sign), "it has the escapes of JSON or HTML")
	if text, isPython := strings.CutPrefix(strings.Trim(sign, around), "b'"); isPython {
		change(text, "it is what Python prints for bytes")
	}
	change(strings.Trim(sign, around), "there are quotes or white space around it, or other signs")
	for _, fault := range []string{"it is URL-encoded (%2B for +)", "it is URL-encoded twice"} {
		if !strings.Contains(sign, "%") {
			break
		}
		if unescaped, err := url.PathUnescape(sign); err == nil {
			change(unescaped, fault)
		}
	}
	if hexPairs.MatchString(sign) {
		change(strings.NewReplacer(":", "", " ", "", "\r", "", "\n", "", "\t", "", "0x", "", "0X", "").Replace(sign), "its bytes are apart")
	}
	change(strings.NewReplacer("\r", "", "\n", "", "\t", "", `\n`, "", `\r`, "").Replace(sign), "it is broken into lines")
	change(strings.ReplaceAll(sign, " ", "+"), "its + became spaces, as in a form that was decoded")

	if bytes, err := hex.DecodeString(sign); err == nil && len(bytes) >= 128 {
		return bytes, append(faults, "it is hexadecimal")
	}
	change(strings.NewReplacer("-", "+", "_", "/").Replace(sign), "it is URL-safe base64, with - and _ for + and /")
	unpadded := strings.TrimRight(sign, "=")
	change(unpadded+strings.Repeat("=", (4-len(unpadded)%4)%4), "it lacks its padding, or has too much of it")
	bytes, err := base64.StdEncoding.DecodeString(sign)
	if err != nil {
		return nil, nil
	}
	if inside, err := hex.DecodeString(string(bytes)); err == nil && len(inside) >= 128 {
		return inside, append(faults, "it is base64 of hexadecimal instead of base64 of the bytes")
	}
	if again, ok := strictBase64(string(bytes)); ok && len(again) >= 128 {
		return again, append(faults, "it was encoded in base64 twice")
	}
	if _, strict := strictBase64(sign); !strict {
		faults = append(faults, "its last character is not canonical base64")
	}
	return bytes, faults
}
