package emailarray

import (
	"math"
	"math/big"
	"strconv"
	"testing"

	"mailops/schema"
)

// TestQuota: what is written for a quota, what the mailbox then has, and what is
// read of it.
func TestQuota(t *testing.T) {
	for _, c := range []struct{ quota, step, written, held string }{
		{"5GB", "", "5", "5GB"},
		{"500MB", "", "0.5", "500MB"},
		{"1MB", "", "0.001", "1MB"},
		{"1234567MB", "", "1234.567", "1234567MB"},
		{"5GiB", "", "5.368", "5368MB"}, // 5368.70912 MB
		{"1B", "", "0.001", "1MB"},
		{"1TiB", "", "1099.511", "1099511MB"},
		{"9223372036854775807B", "", "9223372036.854", "9223372036854MB"},
		{"5GiB", "100MB", "5.3", "5300MB"},
		{"5GiB", "1GB", "5", "5GB"},
		{"1MB", "1GB", "1", "1GB"},
	} {
		var a Settings
		if c.step != "" {
			a.QuotaStep = amount(t, c.step)
		}
		held, ok := a.Hold(amount(t, c.quota))
		if !ok || gigabytes(held) != c.written || held != amount(t, c.held) {
			t.Errorf("%s in steps of %s: holds %s, written %s, %v; want %s, %s", c.quota, a.step(), held, gigabytes(held), ok, c.held, c.written)
		}
	}
	if _, ok := (Settings{}).Hold(schema.Unlimited); ok {
		t.Error("there is a quota without a limit")
	}
}

// TestQuotaRead: what is no amount is not known.
func TestQuotaRead(t *testing.T) {
	for text, want := range map[string]schema.Bytes{"5000": 5e9, "0.5": 5e5, "5000.00": 5e9, " 12 ": 12e6} {
		if got, ok := fromMegabytes(text); !ok || got != want {
			t.Errorf("%q: got %s, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "0", "null", "-1", "1e3", "NaN", "0x10", "0.0000001", "99999999999999999999", "1.2 GB", "unlimited"} {
		if got, ok := fromMegabytes(text); ok {
			t.Errorf("%q: got %s", text, got)
		}
	}
}

func amount(t *testing.T, text string) schema.Bytes {
	t.Helper()
	b, err := schema.ParseBytes(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzQuota: whatever is declared, what is read of what was written is what the
// next comparison expects, and writing that again changes nothing. The service is
// played twice: by exact numbers, and by the floats that it may compute with.
func FuzzQuota(f *testing.F) {
	for _, n := range []int64{1, 1e6, 1<<20 - 1, 5 << 30, 5e9, 1e12 + 1, 9007199254740993, math.MaxInt64} {
		f.Add(n, int64(0))
		f.Add(n, int64(10))
	}
	f.Fuzz(func(t *testing.T, n, stepMB int64) {
		if n <= 0 || stepMB < 0 || stepMB > 1e6 {
			return
		}
		a := Settings{QuotaStep: schema.Bytes(stepMB) * megabyte}
		held, ok := a.Hold(schema.Bytes(n))
		if again, okAgain := a.Hold(held); !ok || !okAgain || again != held {
			t.Fatalf("%d: holds %d, and that %d", n, held, again)
		}
		if diff := schema.Bytes(n) - held; diff >= a.step() || diff < 0 && held != a.step() {
			t.Fatalf("%d in steps of %d: holds %d", n, a.step(), held)
		}
		written, _ := new(big.Rat).SetString(gigabytes(held))
		exact := new(big.Rat).Mul(written, big.NewRat(1000, 1)).FloatString(0)
		gb, err := strconv.ParseFloat(gigabytes(held), 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, shown := range []string{exact, strconv.FormatFloat(math.Round(gb*1000), 'f', -1, 64)} {
			if read, ok := fromMegabytes(shown); !ok || read != held {
				t.Fatalf("%d: written %s, shown %s, read %d, want %d", n, gigabytes(held), shown, read, held)
			}
		}
	})
}
