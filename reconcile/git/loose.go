package git

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A loose is an object in a file of its own, being read.
type loose struct {
	file *os.File
	zlib *inflater
	text *bufio.Reader
}

func (l *loose) close() {
	l.file.Close()
	if l.zlib != nil {
		l.zlib.giveBack()
	}
}

func loosePath(dir string, i id) string {
	name := i.String()
	return filepath.Join(dir, name[:2], name[2:])
}

// openLoose opens an object and reads its head.
func openLoose(dir string, i id) (kind byte, size int64, l *loose, err error) {
	f, err := os.Open(loosePath(dir, i))
	if err != nil {
		return 0, 0, nil, err
	}
	l = &loose{file: f}
	kind, size, err = l.head()
	if err != nil {
		l.close()
		return 0, 0, nil, err
	}
	return kind, size, l, nil
}

func (l *loose) head() (kind byte, size int64, err error) {
	if l.zlib, err = borrow(l.file); err != nil {
		return 0, 0, err
	}
	l.text = bufio.NewReaderSize(l.zlib.zlib, 512)
	head, err := l.text.ReadSlice(0)
	if err != nil || len(head) > 32 {
		return 0, 0, errors.Join(errors.New("it has no head"), err)
	}
	word, number, _ := strings.Cut(string(head[:len(head)-1]), " ")
	for k, name := range kinds {
		if name == word && name != "" {
			kind = byte(k)
		}
	}
	size, err = strconv.ParseInt(number, 10, 63)
	if kind == 0 || err != nil || size < 0 {
		return 0, 0, errors.Join(errors.New("its head is wrong"), err)
	}
	return kind, size, nil
}

func readLoose(dir string, i id, max int64) (object, error) {
	kind, size, l, err := openLoose(dir, i)
	if err != nil {
		return object{}, err
	}
	defer l.close()
	if size > max {
		return object{}, errTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(l.text, size+1))
	if err != nil {
		return object{}, err
	}
	if int64(len(data)) != size {
		return object{}, errors.New("it is not of the size that it says")
	}
	return object{kind, slices.Clip(data)}, nil
}
