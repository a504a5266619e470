package signer

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/internal/regular"
)

// maxPathInMessage is the longest file name that an error repeats. No component of a
// path may be longer on the usual file systems (NAME_MAX), while the shortest text of
// a 2048-bit key, a public one, has 392 characters.
const maxPathInMessage = 255

// errKeyAsPath deliberately does not repeat the value, since that is probably a key.
var errKeyAsPath = errors.New("expected the path of a file, but the value looks like a key itself; save the key to a file that only this user can read and write its path, and make a new key if others may have seen the value")

// ReadPrivateKeyFile reads the file and parses it as [ParsePrivateKey] does. Its errors
// name the file once. Errors of the operating system are wrapped, so errors.Is(err,
// fs.ErrNotExist) works.
//
// If path is really the text of a key, because somebody configured the key in place of
// its file name, it is refused without opening a file, and the error does not repeat it.
func ReadPrivateKeyFile(path string) (*rsa.PrivateKey, error) {
	text, err := ReadKeyText(path)
	if err != nil {
		return nil, fileError(privateKey, path, err)
	}
	key, err := parsePrivateKey(text)
	if err != nil {
		return nil, fileError(privateKey, path, err)
	}
	return key, nil
}

// ReadPublicKeyFile reads the file and parses it as [ParsePublicKey] does, with the
// same care about errors as [ReadPrivateKeyFile].
func ReadPublicKeyFile(path string) (*rsa.PublicKey, error) {
	text, err := ReadKeyText(path)
	if err != nil {
		return nil, fileError(publicKey, path, err)
	}
	key, err := parsePublicKey(text)
	if err != nil {
		return nil, fileError(publicKey, path, err)
	}
	return key, nil
}

// fileError adds to an error which file it is about, unless the name must not be
// repeated.
func fileError(want role, path string, err error) error {
	switch {
	case path == "", errors.Is(err, errKeyAsPath):
		return fmt.Errorf("%s: %w", want, err)
	case len(path) > maxPathInMessage:
		return fmt.Errorf("%s file, whose name of %d characters is not repeated here: %w", want, len(path), err)
	}
	if errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(path) {
		if directory, unknown := os.Getwd(); unknown == nil {
			return fmt.Errorf("%s file %s in the working directory %s: %w", want, path, directory, err)
		}
	}
	return fmt.Errorf("%s file %s: %w", want, path, ForFile(nameInstead(err), path))
}

// product matches the file that the last command of an error writes.
var product = regexp.MustCompile(`(?:> |-out |-o |-f )(FILE(?:\.\w+)+)\)?$`)

// nameInstead adds to an error with commands that the configuration must then name the
// file that they write.
func nameInstead(err error) error {
	written := product.FindStringSubmatch(err.Error())
	if written == nil {
		return err
	}
	return fmt.Errorf("%w and name %s instead", err, written[1])
}

// ReadKeyText reads the text of a key file without parsing it. It stops one byte after
// the largest size that a key can have. All key files are read through this function.
// Anything other than a regular file is an error at once, so that reading, for example, a
// pipe cannot block. Symbolic links are followed.
//
// Its errors are those of [ReadPrivateKeyFile] without the name of the file.
func ReadKeyText(path string) ([]byte, error) {
	switch {
	case path == "":
		return nil, errors.New("the name of its file is empty")
	case LooksLikeKey(path):
		return nil, errKeyAsPath
	}
	file, err := regular.Open(path)
	if notRegular, ok := errors.AsType[*regular.NotRegularError](err); ok {
		return nil, refuseIrregular(notRegular.Mode)
	}
	if err != nil {
		return nil, reason(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyText+1))
	if err != nil {
		return nil, reason(err)
	}
	return text, nil
}

// refuseIrregular refuses what is not a regular file, and says what to do instead.
func refuseIrregular(mode fs.FileMode) error {
	const instead = "; save the key to a regular file that only this user can read, and name that file"
	switch {
	case mode.IsDir():
		return errors.New("it is a directory; name the file in it that contains the key")
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("it is a pipe, which can be read only once, and only while somebody writes to it" + instead)
	case mode&fs.ModeSocket != 0:
		return errors.New("it is a socket" + instead)
	default:
		return errors.New("it is a device" + instead)
	}
}

// reason removes the path from an error of the operating system. If a permission is
// missing, it adds the user ID, because in a container that is often not the expected
// user.
func reason(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		if uid := os.Geteuid(); uid >= 0 { // -1 on Windows
			return fmt.Errorf("%w: user ID %d may not read it, or not enter one of its directories", err, uid)
		}
	}
	return err
}

// shortestLine is the minimum length, in characters, of base64 with a line break after it
// that is taken for a line of a key.
const shortestLine = 32

// LooksLikeKey reports whether a value that should be the path of a file is probably the
// text of a key, with or without armour. When in doubt, it takes an unusual path for a
// key: the file can be renamed, but a key that was logged cannot be taken back.
func LooksLikeKey(path string) bool {
	line := strings.TrimRight(path, "\r\n")
	if strings.Contains(line, "-----") || strings.ContainsAny(line, "\r\n") {
		return true
	}
	if line != path { // a line of a key, or a path with a Windows line break
		return len(line) >= shortestLine && consistsOf(line, base64Alphabet) || LooksLikeKey(line)
	}
	// The base64 of a DER key begins with MI. An absolute path begins with a slash, which
	// is also in the alphabet.
	encoded := consistsOf(path, base64Alphabet+"-_ \t")
	return encoded && (len(path) > 200 && !strings.HasPrefix(path, "/") || len(path) > 64 && strings.HasPrefix(path, "MI") || isRandom(path) && !exists(path))
}

// IsKeyText reports whether a value is certainly the text of a key, with or without armour,
// on one line or on several. Unlike LooksLikeKey, it is for values that are not paths: a
// token may look as random as a part of a key.
func IsKeyText(value string) bool {
	if strings.Contains(value, "-----BEGIN") || strings.Contains(value, "-----END") {
		return true
	}
	joined := strings.Join(strings.Fields(value), "")
	return len(joined) >= 64 && strings.HasPrefix(joined, "MI") && consistsOf(joined, base64Alphabet+"-_")
}

// shortestPart is the minimum length, in characters, of base64 that is taken for a part of
// a key even without a line break. It encodes 30 bytes.
const shortestPart = 40

// isRandom reports whether base64 looks like random bytes. In those, about two of three
// characters are of another kind (capital, small letter, digit, other) than the one
// before. In the words of a path, the kind changes seldom, and fingerprints have only one
// case.
func isRandom(base64 string) bool {
	if len(base64) < shortestPart || strings.HasPrefix(base64, "/") || strings.ContainsAny(base64, " \t") {
		return false
	}
	changes, kinds := 0, make(map[byte]bool)
	var before byte
	for i := range len(base64) {
		kind := kindOf(base64[i])
		kinds[kind] = true
		if i > 0 && kind != before {
			changes++
		}
		before = kind
	}
	return kinds['A'] && kinds['a'] && kinds['0'] && changes*5 > len(base64)*2
}

// kindOf returns 'A' for a capital, 'a' for a small letter, '0' for a digit and '/' for
// anything else.
func kindOf(char byte) byte {
	switch {
	case 'A' <= char && char <= 'Z':
		return 'A'
	case 'a' <= char && char <= 'z':
		return 'a'
	case '0' <= char && char <= '9':
		return '0'
	}
	return '/'
}

// exists reports whether there is a file with that name, so that the value is certainly
// meant as a path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
