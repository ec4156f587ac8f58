package backup

// A matching pairs what the server lists with what the archive holds: each
// message of the archive is claimed by one message of the server at most, so
// that two messages with the same bytes stay two.
type matching struct {
	lacking []remote // what must be fetched to know
	claimed map[*Message]bool
	bySHA   map[string][]*Message
	broken  map[string][]*Message
}

// match pairs by name. A name is trusted when it is one, names one message of
// the listing, and that has the size it had; all else is fetched and told by its
// bytes. Another message of the same name and size is not found out: the server
// would have to be asked for every message every time.
func (t *taker) match(listed []remote) *matching {
	m := &matching{claimed: make(map[*Message]bool), bySHA: make(map[string][]*Message), broken: make(map[string][]*Message)}
	named := make(map[string][]*Message)
	for _, message := range t.Messages {
		if message.Damaged {
			m.broken[message.content()] = append(m.broken[message.content()], message)
			continue
		}
		m.bySHA[message.content()] = append(m.bySHA[message.content()], message)
		named[name(message.Folder, message.UID)] = append(named[name(message.Folder, message.UID)], message)
	}
	times := make(map[string]int)
	for _, r := range listed {
		times[name(r.folder, r.uid)]++
	}
	empty, twice, other := 0, 0, 0
	for _, r := range listed {
		switch n := name(r.folder, r.uid); {
		case r.uid == "":
			empty++
		case times[n] > 1:
			twice++
		case len(named[n]) > 0:
			if m.known(r, named[n]) {
				continue
			}
			other++
		}
		m.lacking = append(m.lacking, r)
	}
	t.note(empty, "messages have no name that the server gave them")
	t.note(twice, "messages share the name that the server gave them")
	t.note(other, "names that the server gave are of other messages than before, by their sizes")
	return m
}

// note remembers what is odd about a listing; the next listing is no news.
func (t *taker) note(n int, what string) {
	if n > 0 {
		t.odd[what] = max(n, t.odd[what])
	}
}

// known claims the message of that name, when it has the size that it had.
func (m *matching) known(r remote, named []*Message) bool {
	for _, message := range named {
		if message.Listed == r.size && !m.claimed[message] {
			m.claimed[message] = true
			return true
		}
	}
	return false
}

// same claims a message with these bytes in this folder that nothing on the
// server has claimed; nil when there is none.
func (m *matching) same(fetched *Message) *Message {
	return m.take(m.bySHA[fetched.content()])
}

// damaged claims a message that had these bytes, and has them no longer.
func (m *matching) damaged(fetched *Message) *Message {
	return m.take(m.broken[fetched.content()])
}

func (m *matching) take(from []*Message) *Message {
	for _, message := range from {
		if !m.claimed[message] {
			m.claimed[message] = true
			return message
		}
	}
	return nil
}

// claim is for a message that was just stored.
func (m *matching) claim(message *Message) { m.claimed[message] = true }

func name(folder, uid string) string { return folder + "\x00" + uid }

// content tells messages apart by their bytes, folder by folder.
func (m *Message) content() string { return name(m.Folder, m.SHA256) }
