package signer

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxKeyText is the largest text, in bytes, that is read as one key. A 2048-bit private
// key has about 1700 bytes of text, an 8192-bit one about 6400; the rest is room for
// explanatory text.
const maxKeyText = 64 << 10

var (
	errTooLarge   = errors.New("it is larger than 64 KiB, so it is not a key; a private key has about 2 KiB")
	errEmpty      = errors.New("it is empty; it must contain the key in PEM or in one-line base64")
	errBlank      = errors.New("it contains only white space or comments; it must contain the key in PEM or in one-line base64")
	errNUL        = errors.New("it contains NUL bytes, so it is binary or damaged; it must contain the key as text, in PEM or in one-line base64")
	errNotAKey    = errors.New("it is not a key; it must contain the key in PEM (from -----BEGIN to -----END) or in one-line base64")
	errOtherDER   = errors.New("it is binary DER, but not of a key; it must contain the key in PEM (from -----BEGIN to -----END) or in one-line base64")
	errDamagedDER = errors.New("it is binary DER, cut short or damaged, as happens if it is copied as text; copy it again, complete and in binary")
	errBase64     = errors.New("its base64 is cut short or damaged; copy it again, complete, with the = signs at its end")
	errPercent    = errors.New("it is the percent-encoding of a key, as in URLs and forms; decode it, or copy the key from its source")
	errAmong      = errors.New("it is not a key alone: it has other settings, names or code around the key; leave only the key")
	errNoEnd      = errors.New("its PEM block has a BEGIN line but no END line that belongs to it: it is cut short; copy it again, complete")
	errNoBegin    = errors.New("its PEM block has an END line but no BEGIN line that belongs to it: it is cut off at its start; copy it again, complete")
	errArmour     = errors.New("the BEGIN or the END line of its PEM block is damaged; they look like -----BEGIN PRIVATE KEY-----, with five hyphens on either side; copy the key again, complete")
	errMisspelt   = errors.New("the BEGIN or the END line of its PEM block is misspelt; they look like -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----; correct them, or copy the key again")
	errHyphens    = errors.New("the BEGIN or the END line of its PEM block has more than five hyphens on a side, or a minus sign before it, as in a patch; copy the key again, with five")
	errAfterPEM   = errors.New("there is text after the END line of its PEM block; leave only the key")
	errBehindPEM  = errors.New(errAfterPEM.Error() + ", for example with: " + Privately("sed -n '/-----BEGIN/,/-----END/p' FILE > FILE.pem"))
	errPEMBase64  = errors.New("the base64 in its PEM block is cut short or damaged; copy it again, complete")
	errPEMTwice   = errors.New("the base64 between the BEGIN and the END line of its PEM block is of a text that is already the key; decode it once with: " + Privately("sed -e '/-----/d' FILE | tr -cd 'A-Za-z0-9+/=' | base64 -d > FILE.decoded"))
	errEmptyPEM   = errors.New("there is nothing between the BEGIN and the END line of its PEM block; copy it again, complete")
	errNoDER      = errors.New("it is base64, but does not begin like a key; copy the key again, complete")
	errLabel      = errors.New("the label in the BEGIN line of its PEM block does not belong to a key of this kind; use the file as the program that made the key wrote it")
	errHeads      = errors.New("the BEGIN line of its PEM block is missing or damaged; such a line has capital letters, and five plain hyphens at either end; copy the key again, complete")
)

// labels maps the PEM labels that identify their contents to the forms.
var labels = map[string]form{
	"ENCRYPTED PRIVATE KEY":   encryptedPrivate,
	"EC PRIVATE KEY":          ecPrivate,
	"EC PARAMETERS":           ecPrivate, // openssl ecparam -genkey writes this block before the key
	"DSA PRIVATE KEY":         dsaPrivate,
	"DSA PARAMETERS":          dsaPrivate,
	"OPENSSH PRIVATE KEY":     opensshPrivate,
	"CERTIFICATE":             certificate,
	"PGP PRIVATE KEY BLOCK":   pgp,
	"PGP PUBLIC KEY BLOCK":    pgp,
	"X509 CERTIFICATE":        certificate,
	"TRUSTED CERTIFICATE":     certificate,
	"CERTIFICATE REQUEST":     certificateRequest,
	"NEW CERTIFICATE REQUEST": certificateRequest,
	"PKCS7":                   pkcs7,
	"CMS":                     pkcs7,
}

// keyDER returns the DER of the key in a text, or an error that says why there is none.
// It looks for common accidents with key files before it tries to decode, since a decoder
// could only report that some byte is wrong.
func keyDER(text []byte, want role) ([]byte, error) {
	switch {
	case len(text) == 0:
		return nil, errEmpty
	case len(text) > maxKeyText:
		return nil, errTooLarge
	case isUTF16(text):
		return nil, refuseUnicode(text)
	case javaForm(text) != unknown:
		return nil, refusal(javaForm(text), want)
	case isDER(text):
		return nil, refuseBinary(text, want)
	case bytes.HasPrefix(text, []byte(`{\rtf`)):
		return keyInRTF(text, want)
	case bytes.IndexByte(text, 0) >= 0:
		return nil, errNUL
	}
	readable := plain(text)
	der, err := keyInText(bytes.TrimSpace(readable), text, want)
	if err == nil {
		return der, nil
	}
	// The text is first read as it is, because text around a key may look like mangling.
	if undone := unmangled(readable); !bytes.Equal(undone, readable) {
		if der, err := keyInText(bytes.TrimSpace(plain(undone)), text, want); err == nil || bytes.Contains(undone, []byte("-----BEGIN")) {
			return der, err
		}
	}
	return nil, err
}

// keyInRTF returns the DER of the key in a document of a word processor. PEM is read if its
// lines are whole, as TextEdit writes them; everything else is refused.
func keyInRTF(text []byte, want role) ([]byte, error) {
	der, err := keyInText(bytes.TrimSpace(plain(text)), text, want)
	if err != nil {
		return nil, errRTF
	}
	return der, nil
}

// keyInText is keyDER for a text from which [plain] has removed invisible characters and
// comments. asFound is the text before that.
func keyInText(text, asFound []byte, want role) ([]byte, error) {
	switch {
	case len(text) == 0:
		return nil, errBlank
	case (text[0] == '{' || text[0] == '[') && formOfText(text) == unknown:
		if der := derInJSON(asFound, want); der != nil {
			return der, nil
		}
	}
	switch {
	case bytes.Contains(text, []byte("-----BEGIN%20")), bytes.Contains(text, []byte("-----BEGIN+")):
		return nil, errPercent
	case bytes.Contains(text, []byte("-----BEGIN")), bytes.Contains(text, []byte("-----END")):
		der, err := derOfPEM(text, want)
		switch {
		case err != nil && isMisspelt(text):
			return nil, errMisspelt
		case err != nil && moreHyphens.Match(text):
			return nil, errHyphens
		}
		return der, err
	case isMisspelt(text):
		return nil, errMisspelt
	case isSSHPublic(text):
		algorithm, _, _ := bytes.Cut(text, []byte(" "))
		return nil, refusal(formOfSSH(string(algorithm), opensshPublic, publicKey), want)
	}
	if form := formOfText(text); form != unknown {
		return nil, refusal(form, want)
	}
	if err := refuseStandIn(text); err != nil {
		return nil, err
	}
	return derOfBase64(text, asFound, want)
}

// secretMember matches a member that only private and secret JSON Web Keys have, RFC 7518
// section 6.
var secretMember = regexp.MustCompile(`"[dk]"\s*:`)

// formOfText recognises key formats that are text, but neither PEM nor base64. Otherwise
// it returns unknown.
func formOfText(text []byte) form {
	switch {
	case bytes.HasPrefix(text, []byte("PuTTY-User-Key-File-")):
		first, _, _ := bytes.Cut(text, []byte("\n"))
		_, algorithm, _ := strings.Cut(string(first), ": ")
		return formOfSSH(strings.TrimSpace(algorithm), putty, privateKey)
	case bytes.HasPrefix(text, []byte("---- BEGIN SSH2 PUBLIC KEY")):
		return ssh2Public
	case text[0] == '<' && bytes.Contains(text, []byte("<Modulus>")):
		if !bytes.Contains(text, []byte("<D>")) {
			return dotNetXMLPublic
		}
		return dotNetXML
	case text[0] == '{' && bytes.Contains(text, []byte(`"kty"`)):
		if !secretMember.Match(text) {
			return jwkPublic
		}
		return jwk
	}
	return unknown
}

// javaForm recognises Java's keystores by their first bytes: the magic numbers of JKS and
// JCEKS, and for Bouncy Castle's keystores, the version and the length of the salt.
func javaForm(text []byte) form {
	for magic, form := range map[string]form{
		"\xfe\xed\xfe\xed": javaKeystore, "\xce\xce\xce\xce": javaKeystore,
		"\x00\x00\x00\x02\x00\x00\x00\x14": bks, "\x00\x00\x00\x01\x00\x00\x00\x14": uber,
	} {
		if bytes.HasPrefix(text, []byte(magic)) {
			return form
		}
	}
	return unknown
}

// javaFormIn recognises Java's keystores by the beginning of their base64.
func javaFormIn(joined string) form {
	first, _ := base64.StdEncoding.DecodeString(joined[:min(len(joined), 12)])
	return javaForm(first)
}

// refuseUnicode refuses UTF-16 and UTF-32. Its command names the byte order if there is
// no byte order mark, because iconv could not determine it.
func refuseUnicode(text []byte) error {
	name := "UTF-16"
	switch {
	case bytes.HasPrefix(text, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(text, []byte("\x00\x00\xfe\xff")):
		name = "UTF-32"
	case text[0] == 0:
		name = "UTF-16BE"
	case text[1] == 0:
		name = "UTF-16LE"
	}
	return fmt.Errorf("it is %s text, as some Windows programs save it; convert it with: %s", name[:len("UTF-16")], Privately("iconv -f "+name+" -t UTF-8 FILE > FILE.utf8"))
}

// isUTF16 recognises UTF-16 and UTF-32 by the byte order mark, and UTF-16 also by the NUL
// bytes that it has between the letters of any key text.
func isUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.HasPrefix(text, []byte("\x00\x00\xfe\xff")) ||
		len(text) >= 4 && (text[0] == 0 && text[1] != 0 && text[2] == 0 && text[3] != 0 || text[0] != 0 && text[1] == 0 && text[2] != 0 && text[3] == 0)
}

// isDER recognises a SEQUENCE of 128 bytes or more, which every key is. Text does not
// begin like that: the first byte would be the digit 0, and the second is not ASCII.
func isDER(text []byte) bool {
	return len(text) >= 2 && text[0] == 0x30 && text[1] >= 0x80
}

// refuseBinary refuses binary DER. It would be easy to accept, but a file that no editor
// displays and no environment variable can hold is a bad place for a secret. If the key
// is also of the wrong kind, the error says so instead.
func refuseBinary(der []byte, want role) error {
	found, err := identify(der)
	if errors.Is(err, errTrailing) { // perhaps just a line break, which all programs tolerate
		found, err = identify(withoutLineBreak(der))
	}
	switch {
	case errors.Is(err, errNotAKey):
		return errOtherDER
	case err != nil && !bytes.HasPrefix(der, []byte{0x30, 0x80}): // BER
		return errDamagedDER
	case err == nil && !found.form.fits(want):
		return refusalInDER(found.form, want)
	}
	if want == publicKey {
		return errors.New("it is binary DER, not text; convert it with: openssl pkey -pubin -inform DER -in FILE -out FILE.pem")
	}
	return errors.New("it is binary DER, not text; convert it with: openssl pkcs8 -topk8 -nocrypt -inform DER -in FILE -out FILE.pem")
}

// withoutLineBreak removes line breaks after DER, which some programs write and all of them
// tolerate. The last byte of the DER itself may also look like a line break.
func withoutLineBreak(der []byte) []byte {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(der, &outer)
	if err != nil || !consistsOf(string(rest), "\r\n") {
		return der
	}
	return outer.FullBytes
}

// derOfPEM returns the content of the only PEM block (RFC 7468) in text.
func derOfPEM(text []byte, want role) ([]byte, error) {
	block, err := onlyBlock(text, want)
	if err != nil {
		return nil, err
	}
	if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") { // RFC 1421; OpenSSL encrypted keys this way before PKCS#8
		return nil, refusal(encryptedPrivate, want)
	}
	if len(block.Bytes) == 0 {
		return nil, errEmptyPEM
	}
	if inside, other := wrappedIn(base64.StdEncoding.EncodeToString(block.Bytes), want); other != nil {
		return nil, other
	} else if inside != "" {
		return nil, errPEMTwice
	}
	if block.Type == want.label() || block.Type == "RSA "+want.label() {
		return block.Bytes, nil
	}
	if holds(block, want) {
		return nil, relabel(want)
	}
	if found, err := identify(block.Bytes); err == nil {
		return nil, refusal(found.form, want)
	}
	return nil, errLabel
}

// relabel returns the error for a usable key under a wrong label. The key is refused
// because people trust the label: a private key that is labelled as a public one would
// get passed around.
func relabel(want role) error {
	return fmt.Errorf("the label in the BEGIN line of its PEM block does not belong to a key of this kind, but what is inside does; correct it with: %s",
		Privately(fmt.Sprintf("sed -e 's/-----BEGIN .*/-----BEGIN %[1]s-----/' -e 's/-----END .*/-----END %[1]s-----/' FILE > FILE.pem", want.label())))
}

// onlyBlock returns the only PEM block in the text. pem.Decode alone would skip a damaged
// block and return the next one, and would ignore a second key. In both cases, a failed
// rotation could go unnoticed.
func onlyBlock(text []byte, want role) (*pem.Block, error) {
	inItsLines := blockInLines.Match(text)
	text = bytes.ReplaceAll(inLines(text), []byte("\r\n"), []byte("\n"))
	lines := bytes.Split(bytes.ReplaceAll(text, []byte("\r"), []byte("\n")), []byte("\n"))
	var (
		found  []string // the labels, in order
		open   bool
		begin  int
		behind bool
	)
	for i, line := range lines {
		line = bytes.TrimSpace(line) // a block copied from YAML is indented
		lines[i] = line
		label, isBegin := armour(line, "-----BEGIN ")
		endLabel, isEnd := armour(line, "-----END ")
		switch {
		case isBegin && open:
			return nil, errNoEnd
		case isBegin:
			found, open, begin = append(found, label), true, i
		case isEnd && (!open || endLabel != found[len(found)-1]):
			return nil, errNoBegin
		case isEnd:
			open = false
		case bytes.Contains(line, []byte("-----BEGIN")), bytes.Contains(line, []byte("-----END")):
			return nil, errArmour
		case len(found) > 0 && !open && !consistsOf(string(line), closing):
			behind = true
		}
	}
	if open {
		return nil, errNoEnd
	}
	block, _ := pem.Decode(bytes.Join(lines[begin:], []byte("\n")))
	if block != nil && block.Type == "OPENSSH PRIVATE KEY" && len(found) == 1 {
		if form := formOfSSH(algorithmInOpenSSH(block.Bytes), opensshPrivate, privateKey); form != opensshPrivate {
			return nil, refusal(form, want)
		}
	}
	if form := commonForm(found); form != unknown && !(len(found) == 1 && holds(block, want)) {
		return nil, refusal(form, want)
	}
	if len(found) > 1 {
		return nil, refuseSeveral(found, want)
	}
	if behind && inItsLines {
		return nil, errBehindPEM
	}
	if behind {
		return nil, errAfterPEM
	}
	if block == nil {
		return nil, errPEMBase64
	}
	return block, nil
}

// moreHyphens matches a BEGIN or END line with six to nine hyphens on a side. Ten hyphens
// mean two blocks without a line break between them.
var moreHyphens = regexp.MustCompile(`(?:^|[^-])-{6,9}(?:BEGIN|END) |-----(?:BEGIN|END) [A-Z0-9 ]+-{6,9}(?:[^-]|\z)`)

// blockInLines matches a PEM block that sed can copy line by line.
var blockInLines = regexp.MustCompile(`(?m)^\x{FEFF}?[ \t]*-----BEGIN [A-Z0-9 ]+-----[ \t]*\r?\n(?s:.*?)\n[ \t]*-----END [A-Z0-9 ]+-----[ \t]*\r?$`)

// holds reports whether a PEM block contains a key for the role, whatever its label says.
func holds(block *pem.Block, want role) bool {
	if block == nil {
		return false
	}
	found, err := identify(block.Bytes)
	return err == nil && found.form.fits(want)
}

// refuseSeveral refuses a text with several PEM blocks. If only one of them is a private
// key, as in the files of web servers, OpenSSL can extract it.
func refuseSeveral(found []string, want role) error {
	text := fmt.Sprintf("it contains %d PEM blocks, so it does not say which key is meant; leave one %s in the file and nothing else", len(found), want)
	private := 0
	for _, label := range found {
		if strings.HasSuffix(label, "PRIVATE KEY") {
			private++
		}
	}
	if want == privateKey && private == 1 {
		text += ", for example with: openssl pkey -in FILE -out FILE.pem"
	}
	return errors.New(text)
}

// armour returns the label of a BEGIN or END line, if there is nothing else on the line.
func armour(line []byte, prefix string) (label string, ok bool) {
	label, begins := strings.CutPrefix(string(line), prefix)
	label, ends := strings.CutSuffix(label, "-----")
	return label, begins && ends && !strings.Contains(label, "-----")
}

// commonForm returns the form that all labels stand for, or unknown. A chain of
// certificates, or EC parameters with their key, is one mistake and not several keys.
func commonForm(found []string) form {
	common := labels[found[0]]
	for _, label := range found {
		if labels[label] != common {
			return unknown
		}
	}
	return common
}

// derOfBase64 decodes a key without armour: the one-line form of PayerMax's dashboard
// and SDKs, or the same wrapped by an editor or a terminal. The commands that its errors
// name work on the text as it was found.
func derOfBase64(text, asFound []byte, want role) ([]byte, error) {
	joined := standardBase64(undress(text))
	inside, other := wrappedIn(joined, want)
	switch {
	case !consistsOf(joined, base64Alphabet):
		return nil, refuseText(text, asFound, want)
	case javaFormIn(joined) != unknown:
		return nil, refuseInBase64(asFound, javaFormIn(joined), want)
	case other != nil:
		return nil, other
	case inside != "":
		return nil, refuseTwice(asFound, inside)
	case strings.HasPrefix(joined, "b3BlbnNzaC1rZXktdjE"): // of openssh-key-v1
		return nil, errors.New("it is in OpenSSH's own format, without its BEGIN and END lines; copy it again, complete")
	case !strings.HasPrefix(joined, "M"): // the base64 of any DER SEQUENCE, 0x30, begins with M
		return nil, refuseText(text, asFound, want)
	case strings.Contains(strings.TrimRight(joined, "="), "="): // padding ends base64: two keys in a row
		return nil, errTrailing
	}
	der, err := base64.StdEncoding.Strict().DecodeString(joined)
	if err != nil {
		return nil, errBase64
	}
	return der, nil
}

// keyAlready describes a text that could be used if it were decoded once.
const keyAlready = "a text that is the key already"

// wrappedIn describes the text that is encoded in base64, if that text is itself a key or
// another form of one: PEM, base64 again or a JWK. If decoding it would not help, because
// the key is not the one that is wanted, other is the error that says so.
func wrappedIn(joined string, want role) (inside string, other error) {
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(joined, "="))
	if err != nil || isDER(text) {
		return "", nil
	}
	defer clear(text)
	return insideOf(text, want)
}

// insideOf describes a text that was found in base64 or hexadecimal, in words that follow
// "of". It returns "" if the text is not a key in any form. If decoding the text would
// not help, other is the error that says so.
func insideOf(text []byte, want role) (inside string, other error) {
	der, err := keyDER(text, want)
	defer clear(der)
	switch {
	case errors.Is(err, errNotAKey), errors.Is(err, errEmpty), errors.Is(err, errBlank), errors.Is(err, errNUL):
		return "", nil
	case err == nil:
		found, _ := identify(der) // on an error, the form is unknown, which has no refusal
		err = refusal(found.form, want)
	}
	said, remedy, hasRemedy := strings.Cut(err.Error(), "; ")
	what, isNamed := strings.CutPrefix(said, "it is ")
	switch {
	case !isNamed:
		return keyAlready, nil
	case !hasRemedy, err.Error() == isPrivate, strings.HasPrefix(remedy, "make a new key"), strings.HasPrefix(remedy, "copy it again from"):
		return "", err
	}
	return "a text that cannot be used either: it is " + what, nil
}

// base64Alphabet is the standard alphabet of RFC 4648 with its padding.
const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

// consistsOf reports whether every character of text is one of set.
func consistsOf(text, set string) bool {
	return strings.Trim(text, set) == ""
}
