package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

// floor reads every YAML file below dir on all processors, decodes it into
// yaml.Node, and counts the documents: the least that any program does which
// reads these files with this library. Dot-folders are left out, as by mailops.
func floor(dir string) (int, error) {
	files := make(chan string, 64)
	workers := runtime.GOMAXPROCS(0)
	counts, errs := make([]int, workers), make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for file := range files {
				n, err := documents(file)
				counts[w] += n
				errs[w] = errors.Join(errs[w], err)
			}
		})
	}
	err := walk(dir, func(file string) { files <- file })
	close(files)
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	return total, nil
}

// walk calls f for every YAML file below dir.
func walk(dir string, f func(file string)) error {
	return filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && file != dir && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case !e.IsDir() && filepath.Ext(file) == ".yaml":
			f(file)
		}
		return nil
	})
}

// documents decodes each document of a file, and forgets it.
func documents(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for n := 0; ; n++ {
		var node yaml.Node
		switch err := decoder.Decode(&node); {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, fmt.Errorf("%s: %w", file, err)
		}
	}
}
