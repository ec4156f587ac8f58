package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// SlackOptions says where a Slack-compatible incoming webhook is.
type SlackOptions struct {
	URL       string            // https, or http on this machine; secret
	Transport http.RoundTripper // nil is http.DefaultTransport
}

type slack struct{ poster *poster }

// Slack returns the Channel for Slack's incoming webhooks, and for those of
// Mattermost, Rocket.Chat and others that take the same messages. Those show
// the text, and Slack shows the blocks, so both say everything.
func Slack(o SlackOptions) (Channel, error) {
	p, err := newPoster(o.URL, o.Transport)
	if err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	return &slack{poster: p}, nil
}

// String keeps the URL from whoever prints the channel.
func (*slack) String() string { return "slack" }

// GoString does, too.
func (*slack) GoString() string { return "slack" }

// Slack's limits, in characters: of a header, of a section, and of a text that
// is not cut by Slack itself (Block Kit reference; "Formatting message text").
const (
	mostHeader  = 150
	mostSection = 3000
	mostText    = 4000
	mostBlocks  = 8 // that hold details; a channel is no place for more
)

type slackMessage struct {
	Text   string       `json:"text"`
	Blocks []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Send implements Channel.
func (s *slack) Send(ctx context.Context, e Event) error {
	body, err := json.Marshal(slackMessageOf(&e))
	if err != nil {
		return &Failure{Text: "the event is no JSON", Permanent: true}
	}
	return s.poster.post(ctx, body, make(http.Header))
}

func slackMessageOf(e *Event) slackMessage {
	head, more := headline(e), footnotes(e)
	blocks := []slackBlock{{Type: "header", Text: &slackText{"plain_text", escape(head, mostHeader)}}}
	details, rest := sections(e.Lines, mostSection, mostBlocks)
	for _, section := range details {
		blocks = append(blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", section}})
	}
	if rest > 0 {
		more = append([]string{leftOut(rest)}, more...)
	}
	blocks = append(blocks, slackBlock{Type: "context", Elements: []slackText{{"mrkdwn", join(more, mostSection)}}})

	texts := []string{escape(head, mostLine)}
	details, rest = sections(e.Lines, mostText-mostHeader-mostLine, 1)
	texts = append(texts, details...)
	if rest > 0 {
		texts = append(texts, leftOut(rest))
	}
	return slackMessage{Text: join(append(texts, footnotes(e)...), 2*mostText), Blocks: blocks}
}

// footnotes are the small print below the details.
func footnotes(e *Event) []string {
	var out []string
	for _, fact := range facts(e) {
		out = append(out, escape(fact, mostLine/2))
	}
	if u, err := url.Parse(e.URL); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		out = append(out, "<"+linkEscaper.Replace(u.String())+"|status page>")
	}
	if lost := loss(e); lost != "" {
		out = append(out, lost)
	}
	return out
}

// linkEscaper keeps an address inside its <address|name>.
var linkEscaper = strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C")

func leftOut(lines int) string {
	if lines == 1 {
		return "(1 more line)"
	}
	return fmt.Sprintf("(%d more lines)", lines)
}

// sections shows lines as they are, in code blocks, where Slack reads no marks;
// each block is at most so long. It returns how many lines found no place.
func sections(lines []string, longest, most int) (out []string, rest int) {
	const fence = "```"
	var open strings.Builder
	room := longest - 2*len(fence) - 1
	size := 0
	flush := func() {
		if size > 0 {
			out = append(out, fence+open.String()+fence)
			open.Reset()
			size = 0
		}
	}
	for i, line := range lines {
		line = escape(strings.ReplaceAll(line, fence, "'''"), mostLine) + "\n"
		n := utf8.RuneCountInString(line)
		if size+n > room {
			if flush(); len(out) == most {
				return out, len(lines) - i
			}
		}
		open.WriteString(line)
		size += n
	}
	flush()
	return out, 0
}

// escaper is what Slack asks for: these three and no other.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape cuts a text so that it is at most so long when it is escaped.
func escape(s string, most int) string {
	for size := most; ; size -= max(1, size/8) {
		out := escaper.Replace(cut(s, size))
		if utf8.RuneCountInString(out) <= most {
			return out
		}
	}
}

// join puts lines together, as many as fit.
func join(lines []string, most int) string {
	var b strings.Builder
	size := 0
	for _, line := range lines {
		if size += utf8.RuneCountInString(line) + 1; size > most {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(line)
	}
	return b.String()
}
