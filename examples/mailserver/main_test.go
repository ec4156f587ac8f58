package mailserver_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// atOnce is how many tests run at a time: most of them wait for a clock or for
// Postfix's pause of a minute, and not for a processor.
const atOnce = 12

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", fmt.Sprint(atOnce)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
