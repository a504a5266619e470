package signer

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// readers are the two functions under test, by the words that begin their errors.
var readers = map[string]func(path string) error{
	"private key": func(path string) error { _, err := ReadPrivateKeyFile(path); return err },
	"public key":  func(path string) error { _, err := ReadPublicKeyFile(path); return err },
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "payermax.key")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	file := writeFile(t, "{}")
	dangling := filepath.Join(dir, "dangling")
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere"), dangling))
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink(loop, loop))

	for name, test := range map[string]struct{ path, want string }{
		"missing":             {filepath.Join(dir, "missing.key"), "no such file"},
		"missing directory":   {filepath.Join(dir, "missing", "payermax.key"), "no such file"},
		"file as a directory": {filepath.Join(file, "payermax.key"), "not a directory"},
		"directory":           {dir, "it is a directory"},
		"dangling link":       {dangling, "no such file"},
		"circular link":       {loop, "symbolic links"},
		"device":              {os.DevNull, "regular file"},
		"empty file":          {writeFile(t, ""), "it is empty"},
		"no key":              {file, "it is not a key"},
		"larger than 64 KiB":  {writeFile(t, strings.Repeat(" ", maxKeyText+1)), "larger than 64 KiB"},
		"exactly 64 KiB":      {writeFile(t, strings.Repeat(" ", maxKeyText)), "only white space"},
	} {
		t.Run(name, func(t *testing.T) {
			for role, read := range readers {
				err := read(test.path)
				require.ErrorContains(t, err, test.want)
				t.Log(err)
				assert.True(t, strings.HasPrefix(err.Error(), role+" file "+test.path+": "), err.Error())
				assert.Equal(t, 1, strings.Count(err.Error(), test.path), "the file is named once")
			}
		})
	}
	_, err := ReadPrivateKeyFile(filepath.Join(dir, "missing.key"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	for role, read := range readers {
		assert.EqualError(t, read(""), role+": the name of its file is empty")
	}
}

// An error about a missing file with a relative path names the working directory, which
// depends on how the sidecar was started.
func TestMissingFilesNameTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.Mkdir("keys", 0o700))
	for role, read := range readers {
		assert.ErrorContains(t, read("the.key"), role+" file the.key in the working directory "+dir+": no such file")
		assert.ErrorContains(t, read("keys"), role+" file keys: it is a directory")
	}
}

func TestFilesWithTheWrongKeyNameTheFileOnce(t *testing.T) {
	private, public := testkeys.PrivatePEM(testkeys.Merchant()), testkeys.PublicPEM(&testkeys.Merchant().PublicKey)
	for role, text := range map[string]string{"private key": public, "public key": private} {
		path := writeFile(t, text)
		err := readers[role](path)
		require.Error(t, err)
		assert.True(t, strings.HasPrefix(err.Error(), role+" file "+path+": it is a "), err.Error())
		assert.Equal(t, 1, strings.Count(err.Error(), path))
		requireSilent(t, err.Error(), text)
	}
}

// Somebody may configure the key itself in place of its file name, directly or in an
// environment variable.
func TestKeyInsteadOfItsFileName(t *testing.T) {
	key := testkeys.Merchant()
	private, public := testkeys.PKCS8(key), testkeys.SPKI(&key.PublicKey)
	block := testkeys.PEM("PRIVATE KEY", private)
	for name, value := range map[string]string{
		"PEM":                      block,
		"PEM on one line":          strings.ReplaceAll(block, "\n", " "),
		"PEM with \\n":             strings.ReplaceAll(block, "\n", `\n`),
		"end of PEM":               strings.ReplaceAll(block[len(block)-60:], "\n", ""),
		"one line PKCS#8":          testkeys.OneLine(private),
		"one line PKCS#1":          testkeys.OneLine(testkeys.PKCS1(key)),
		"one line SPKI":            testkeys.OneLine(public),
		"1024-bit public":          testkeys.OneLine(testkeys.SPKI(&testkeys.Small().PublicKey)),
		"without its beginning":    testkeys.OneLine(private)[40:340],
		"cut":                      testkeys.OneLine(private)[:70],
		"some line of PEM":         strings.Split(block, "\n")[3] + "\r\n",
		"base64 and a line break":  testkeys.OneLine(private) + "\n",
		"first line of PEM":        strings.Split(block, "\n")[1] + "\n",
		"wrapped with spaces":      wrap(testkeys.OneLine(private), 64, " "),
		"URL-safe":                 strings.NewReplacer("+", "-", "/", "_").Replace(testkeys.OneLine(private)),
		"raw, without its padding": strings.TrimRight(testkeys.OneLine(testkeys.PKCS1(key)), "="),
	} {
		t.Run(name, func(t *testing.T) {
			for role, read := range readers {
				err := read(value)
				require.ErrorIs(t, err, errKeyAsPath)
				assert.True(t, strings.HasPrefix(err.Error(), role+": expected the path of a file"), err.Error())
				requireSilent(t, err.Error(), value)
			}
		})
	}
	t.Run("in quotes", func(t *testing.T) { // not recognised, and not repeated either
		for _, read := range readers {
			value := `"` + testkeys.OneLine(private) + `"`
			err := read(value)
			require.ErrorContains(t, err, "is not repeated here")
			requireSilent(t, err.Error(), testkeys.OneLine(private))
		}
	})
	for _, path := range []string{
		"/run/secrets/payermax/private.key",
		"private.key",
		"/run/secrets/payermax/private.key\r",
		"/run/secrets/payermax/key\r\n",
		"MII",
		"MIIkeys/private",
		"/var/lib/" + strings.Repeat("directory/", 19) + "key",
		"./" + strings.Repeat("some-directory/", 15) + "private.key",
	} {
		_, err := ReadPrivateKeyFile(path)
		require.ErrorIs(t, err, fs.ErrNotExist)
		assert.Equal(t, 1, strings.Count(err.Error(), path), "an ordinary path is named, once")
	}
}

// Base64 is taken for a key if it is a line of 32 characters or more, if it has more than
// 64 characters and begins like a key, or if it has more than 200 characters.
func TestLooksLikeKey(t *testing.T) {
	letters := func(prefix string, length int) string { return prefix + strings.Repeat("A", length-len(prefix)) }
	for text, looks := range map[string]bool{
		letters("B", 31) + "\n":  false,
		letters("B", 32) + "\n":  true,
		letters("B.", 32) + "\n": false,
		letters("MI", 64):        false,
		letters("MI", 65):        true,
		letters("MI.", 65):       false,
		letters("B", 200):        false,
		letters("B", 201):        true,
		letters("B.", 201):       false,
		letters("/B", 201):       false,
	} {
		assert.Equal(t, looks, LooksLikeKey(text), "%d of %.3s", len(text), text)
	}
}

// A line of a key, or the greater part of one, is recognised in both base64 alphabets,
// unless there is a file with that name. Paths, names and fingerprints are not taken for
// keys.
func TestLooksLikeAPartOfAKey(t *testing.T) {
	t.Chdir(t.TempDir())
	// 48 bytes of a hash stand in for those of a key, so that they are the same in each
	// run.
	sum := sha512.Sum384([]byte("a line"))
	line := base64.StdEncoding.EncodeToString(sum[:])
	require.False(t, strings.HasPrefix(line, "/"), "which would be a path")
	for _, text := range []string{line, line[:40], base64.URLEncoding.EncodeToString(sum[:]), base64.RawStdEncoding.EncodeToString(sum[:47])} {
		assert.True(t, LooksLikeKey(text), text)
		assert.NotContains(t, fmt.Sprint(readers["private key"](text)), text[:20])
	}
	for _, text := range []string{
		line[:39], "/" + line, "./" + line, line + ".key", line[:20] + " " + line[20:],
		"secrets/PayerMax/2024/ProductionPrivateKeyOfTheShop", "payermax-production-private-key-2024-merchant-020213827212251",
		"550e8400-e29b-41d4-a716-446655440000-550e8400", hex.EncodeToString(sum[:]), strings.Repeat("A", 64),
	} {
		assert.False(t, LooksLikeKey(text), text)
	}
	named := strings.ReplaceAll(line, "/", "_")
	require.NoError(t, os.WriteFile(named, nil, 0o600))
	assert.False(t, LooksLikeKey(named), "it is a file")
}

func TestLongPathsAreNotRepeated(t *testing.T) {
	short := "/" + strings.Repeat("directory./", 23) + "k"
	require.Len(t, short, maxPathInMessage)
	for role, read := range readers {
		assert.ErrorContains(t, read(short), short)
		err := read(short + "x")
		assert.ErrorContains(t, err, role+" file, whose name of 256 characters is not repeated here: no such file")
		assert.NotContains(t, err.Error(), "directory./")
	}
}

func TestReasonTakesThePathOut(t *testing.T) {
	inner := errors.New("input/output error")
	assert.Equal(t, inner, reason(&fs.PathError{Op: "read", Path: "/run/secrets/private.key", Err: inner}))
	assert.Equal(t, inner, reason(inner))
}

// Only a whole key, or the beginning of one, is certainly a key: identities and tokens are not.
func TestIsKeyText(t *testing.T) {
	block, line := testkeys.PrivatePEM(testkeys.Merchant()), testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant()))
	for text, is := range map[string]bool{
		block: true, line: true, line[:64]: true, " " + line + "\n": true, strings.ReplaceAll(block, "\n", `\n`): true,
		strings.Join(strings.Split(block, "\n")[1:20], "\n"): true, block[500:]: true,
		"": false, "a\nb": false, line[:63]: false, "x" + line[100:200]: false, "MI-5": false, "/keys/" + line[:80]: false,
	} {
		assert.Equal(t, is, IsKeyText(text), text)
	}
}
