package setting

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// A password may look like nearly anything, so only texts that nobody chooses as one are
// refused.
func TestPasswords(t *testing.T) {
	t.Parallel()
	for password, why := range map[string]string{
		"": empty, `{"password":"canary"}`: document, "{\"password\":\n\"canary\"}": document, "canary\nanother": severalLines, "canary\x00": notText,
		`"canary"`: inQuotes, `'canary'`: inQuotes, "\u201ccanary\u201d": inQuotes, "\ufeffcanary": blanks, "can\u00a0ary": blanks,
		"export X=canary": named, "REDIS_PASSWORD=canary": named, "password: canary": named, "requirepass canary": named, "pin=1234": named,
		"${REDIS_PASSWORD}": unexpanded, "{$REDIS_PASSWORD}": unexpanded, "{env.REDIS_PASSWORD}": unexpanded, "{{ .Values.password }}": unexpanded, "$(cat x)": unexpanded,
	} {
		err := CheckPassword(password, "/run/secrets/password")
		if assert.ErrorContains(t, err, "its value, which is not repeated here, "+why, "%q", password) {
			assert.NotContains(t, err.Error(), "canary")
		}
	}
	for _, password := range []string{
		"1234", `"`, "'a", `a"`, "a b", " a ", "<a>", "${", "a${b}", "$a$b", "a#b # c", "a=b", "{a}", "$5 off", "null", "changeme", "/run/a", "%a%b", "pass", `a\n`, "schl\u00fcssel",
	} {
		assert.NoError(t, CheckPassword(password, "/run/secrets/password"), "%q", password)
	}
}

// commandIn returns the command in an error, as it appears in a line of a JSON log, or "".
func commandIn(t *testing.T, err error) string {
	t.Helper()
	line, encodeErr := zapcore.NewJSONEncoder(zapcore.EncoderConfig{}).EncodeEntry(zapcore.Entry{}, []zapcore.Field{zap.Error(err)})
	require.NoError(t, encodeErr)
	_, command, _ := strings.Cut(line.String(), "take it out with: ")
	command, _, _ = strings.Cut(command, " and name ")
	return command
}

// Each command in an error is executed on the very file that was refused. It writes the value
// to a file that only its owner can read.
func TestCommandsTakeValuesOut(t *testing.T) {
	t.Parallel()
	token := func(text, path string) error { return CheckToken(strings.TrimSpace(text), "{file."+path+"}") }
	password := func(text, path string) error { return CheckPassword(strings.TrimRight(text, "\r\n"), path) }
	identity := func(text, path string) error {
		return CheckIdentity(strings.TrimRight(text, "\r\n"), "{file."+path+"}")
	}
	for content, test := range map[string]struct {
		check func(text, path string) error
		want  string
	}{
		`{"token":"abc.DEF-1=="}`: {token, "abc.DEF-1=="},
		"{\n  \"access_token\": \"abc/+1\",\n  \"token_type\": \"Bearer\",\n  \"expires_in\": 3600\n}\n": {token, "abc/+1"},
		`{"merchantAuthToken":"abc","merchantNo":7}`:                                                     {token, "abc"},
		"export X=abc\n":                         {token, "abc"},
		"X=abc==\n":                              {token, "abc=="},
		"export X=\"abc\"\r\n":                   {token, "abc"},
		"PAYERMAX_TOKEN='abc' # of production\n": {token, "abc"},
		"\"abc\"\n":                              {token, "abc"},
		"  'abc'  \n":                            {token, "abc"},
		"merchantAuthToken: abc\n":               {token, "abc"},
		"Authorization: Bearer abc":              {token, "abc"},
		"abc== # of production":                  {token, "abc=="},
		`{"password":"a b'c"}`:                   {password, "a b'c"},
		"export REDIS_PASSWORD='a b=c'\n":        {password, "a b=c"},
		"requirepass a%b\n":                      {password, "a%b"},
		"\"a b\"\n":                              {password, "a b"},
		`{"app_id":"6666c8b036a2"}`:              {identity, "6666c8b036a2"},
		"APP_ID=6666c8b036a2\n":                  {identity, "6666c8b036a2"},
		"\"6666c8b036a2\"":                       {identity, "6666c8b036a2"},
	} {
		folder := filepath.Join(t.TempDir(), "my secrets & more")
		require.NoError(t, os.Mkdir(folder, 0o700))
		t.Run(content, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(folder, "value")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			err := test.check(content, path)
			require.Error(t, err)
			command := commandIn(t, err)
			require.NotEmpty(t, command, err)
			if !strings.HasPrefix(err.Error(), `"`) {
				assert.NotContains(t, strings.ReplaceAll(err.Error(), folder, ""), test.want)
			}
			for _, program := range []string{"jq", "sed"} {
				if strings.Contains(command, program+" ") {
					testtool.Find(t, program)
				}
			}
			said, err := exec.Command(testtool.Find(t, "sh"), "-c", command).CombinedOutput()
			require.NoError(t, err, "%s: %s", command, said)
			written, err := os.ReadFile(path + ".value")
			require.NoError(t, err)
			assert.Equal(t, test.want, strings.TrimRight(string(written), "\n"))
			assert.NoError(t, test.check(string(written), path+".value"))
			info, err := os.Stat(path + ".value")
			require.NoError(t, err)
			assert.Zero(t, info.Mode().Perm()&0o077, "others may read it")
		})
	}
}

// There is no command if the value is uncertain, or was not read from a file.
func TestNoCommandForWhatIsUncertain(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"token":"a","password":"b"}`, `{"data":{"token":"a"}}`, `{"token":7}`, `{"abc":"a"}`, `{"token":"${X}"}`, "{\"token\": a}", "<html>", "", "a\nb", "X=\u201cabc\u201d",
		"X=CHANGE_ME", "\u00a0abc",
	} {
		err := CheckToken(text, "{file./run/token}")
		require.Error(t, err, text)
		assert.Empty(t, commandIn(t, err), "%q: %v", text, err)
	}
	for _, configured := range []string{"{env.TOKEN}", "{file./run/a}{file./run/b}", "x{file./run/a}", "{file.{env.X}}"} {
		assert.Empty(t, commandIn(t, CheckToken("X=abc", configured)), configured)
	}
	assert.ErrorContains(t, CheckToken("X=abc", "{file.it's}"), `-e 's/^[^=]*=//' 'it'\''s' > 'it'\''s'.value) and name 'it'\''s'.value`)
	assert.Equal(t, errors.Unwrap(nil), CheckToken("abc", "{file./run/token}"))
}
