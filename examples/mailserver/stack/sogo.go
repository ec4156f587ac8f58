package stack

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
)

// startSOGo starts SOGo. It reads /etc/sogo/sogo.conf and nothing else, so it
// runs where the stack's file lies over that one, for its own eyes alone.
func (s *Stack) startSOGo(t testing.TB) {
	t.Helper()
	if s.Postgres == nil {
		t.Fatal("SOGo needs postgres")
	}
	if err := os.Mkdir(s.Path("sogo"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.chown(t, s.Path("sogo"), "sogo")
	port := fmt.Sprint(s.ports["memcached"])
	s.start(t, "memcached", []string{"memcached"}, "/usr/bin/memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", port)
	const inside = `mount --bind "$1" /etc/sogo && shift && exec setpriv --reuid=sogo --regid=sogo --init-groups "$@"`
	s.start(t, "sogo", []string{"sogo"}, "/usr/bin/unshare", "--mount", "/bin/sh", "-c", inside, "sh", s.Path("etc/sogo"),
		"/usr/sbin/sogod", "-WONoDetach", "YES", "-WOLogFile", "-", "-WOPidFile", s.Path("sogo/sogo.pid"))
}

// folderSync is the first request of a telephone (MS-ASCMD FolderSync, key 0),
// as WBXML.
var folderSync = []byte{0x03, 0x01, 0x6a, 0x00, 0x00, 0x07, 0x56, 0x52, 0x03, '0', 0x00, 0x01, 0x01}

// FolderSync asks SOGo for a user's folders, as a telephone does, and returns
// the status and the text of the answer; the status is 0 when there was none.
func (s *Stack) FolderSync(t testing.TB, l Login) (int, string) {
	t.Helper()
	url := "http://" + s.Address("sogo") + "/SOGo/Microsoft-Server-ActiveSync?Cmd=FolderSync&User=" + l.User + "&DeviceId=telephone1&DeviceType=telephone"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(folderSync))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(l.User, l.password())
	for name, value := range map[string]string{"Content-Type": "application/vnd.ms-sync.wbxml", "MS-ASProtocolVersion": "14.1", "X-MS-PolicyKey": "0"} {
		request.Header.Set(name, value)
	}
	client := http.Client{Timeout: clientTimeout}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(body)
}
