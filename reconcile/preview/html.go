package preview

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed page.html
var page string

// HTML writes a preview as one page that needs nothing else: no script, no font,
// no address.
func HTML(w io.Writer, v *View) error {
	t, err := template.New("preview").Funcs(template.FuncMap{"number": Number, "plain": Plain,
		"drift": func() string { return DriftTitle }, "moved": func() string { return MovedTitle }}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, v.report())
}
