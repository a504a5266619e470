package payermax

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/testbrowser"
)

// fonts is the font attribute that every drawing has.
const fonts = `font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"`

// drawings returns the paths of the pages' figures, except for the screenshots.
func drawings(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("docs/*.svg")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

// The drawings have one style: one font, colours that follow the reader's dark mode, and a
// title for readers who cannot see them.
func TestFiguresHaveOneStyle(t *testing.T) {
	for _, path := range drawings(t) {
		drawing := markdown.Page(t, path)
		assert.Contains(t, drawing, fonts, path)
		assert.Contains(t, drawing, "@media (prefers-color-scheme: dark)", path)
		assert.Contains(t, drawing, "<title>", path)
		assert.Empty(t, regexp.MustCompile(`<(?:text|tspan|g|path|circle)[^>]* (?:fill|stroke)="#[^>]*`).FindAllString(drawing, -1), "%s: a colour that does not follow the dark mode", path)
	}
}

// Every screenshot has a dark version, and each page with the screenshot shows that version
// to readers who prefer dark mode.
func TestScreenshotsFollowTheDarkMode(t *testing.T) {
	paths, err := filepath.Glob("docs/*.png")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		if strings.HasSuffix(path, "-dark.png") {
			continue
		}
		dark := strings.TrimSuffix(path, ".png") + "-dark.png"
		assert.FileExists(t, dark)
		for _, page := range allPages(t) {
			text := markdown.Page(t, page)
			if strings.Contains(text, filepath.Base(path)+`"`) {
				assert.Regexp(t, `<source media="\(prefers-color-scheme: dark\)" srcset="(docs/)?`+regexp.QuoteMeta(filepath.Base(dark))+`">`, text, page)
			}
		}
	}
}

// overflowing is a script that finds parts of a drawing that are cut off, and words that
// run into another column or out of their box.
const overflowing = `
	const cut = [], {width, height} = document.documentElement.viewBox.baseVal
	for (const text of document.querySelectorAll("text")) {
		const box = text.getBBox()
		if (box.x < 4 || box.y < 0 || box.x + box.width > width - 4 || box.y + box.height > height) cut.push(text.textContent)
		for (const other of document.querySelectorAll("rect.box, rect.panel, rect.key")) {
			const around = other.getBBox()
			const inside = box.x >= around.x && box.x < around.x + around.width && box.y >= around.y && box.y < around.y + around.height
			if (inside && box.x + box.width > around.x + around.width - 3) cut.push(text.textContent)
		}
	}
	return cut`

// No label is cut or runs out of its box, and the dark drawing is dark. The environment
// variable FIGURES names a directory to save pictures of the drawings in, for people to
// look at.
func TestFiguresAreWhole(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir("docs")))
	defer server.Close()
	b := testbrowser.New(t, "--window-size=1000,700", "--hide-scrollbars")
	for _, path := range drawings(t) {
		b.Open(server.URL + "/" + filepath.Base(path))
		assert.Equal(t, []any{}, b.Run(overflowing), path)
		for scheme, page := range map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"} {
			b.Prefer(scheme)
			assert.Equal(t, page, b.Run(`return getComputedStyle(document.querySelector("rect.page")).fill`), "%s, %s", path, scheme)
			if folder := os.Getenv("FIGURES"); folder != "" {
				require.NoError(t, os.WriteFile(filepath.Join(folder, filepath.Base(path)+"-"+scheme+".png"), b.Screenshot(), 0o600))
			}
		}
	}
}
