package edit

import "testing"

// TestRemove: a document goes with its comments, and the others stay as they are.
func TestRemove(t *testing.T) {
	const one, two, three = "# first\nkind: User\naddress: a@x.example # remark\n", "# second\nkind: Alias\naddress: b@x.example\nto: [a@x.example]\n", "kind: User\naddress: c@x.example\n"
	file := one + "---\n" + two + "---\n" + three
	for _, test := range []struct {
		doc        int
		text, want string
	}{
		{0, file, two + "---\n" + three},
		{1, file, one + "---\n" + three},
		{2, file, one + "---\n" + two},
		{0, three, ""},
		{0, "---\n" + one + "---\n" + two, two},
		{1, one + "---\n---\n" + two + "---\n" + three, one + "---\n" + three},
	} {
		got, err := Remove([]byte(test.text), test.doc)
		if err != nil || string(got) != test.want {
			t.Errorf("document %d: %v\n%q\nwant\n%q", test.doc, err, got, test.want)
		}
	}
	if _, err := Remove([]byte(file), 3); err == nil {
		t.Error("a document that is not there was removed")
	}
}
