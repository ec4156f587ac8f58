package arraysim

import "strconv"

// domainType is 2 once there is an Enhanced mailbox: a public client reads 2 as
// enhanced and all else as basic.
func (s *Server) domainType(domain string) string {
	if _, enhanced := s.count(domain); enhanced > 0 {
		return "2"
	}
	return "1"
}

// listDomains answers getAllDomains (§4.3), with the fields that a public client
// reads, all of them texts.
func (s *Server) listDomains(t *turn) result {
	rows := []any{}
	for _, d := range s.domains.AllAt(t.at) {
		rows = append(rows, map[string]any{
			"id": strconv.Itoa(d.ID), "domain": d.Name, "isauditdomain": "0",
			"domaintype": s.domainType(d.Name), "active": zeroOne(!d.Inactive),
		})
	}
	return result{data: rows}
}

// oneDomain answers getDomainInfo (§4.3), with the fields and the types that a
// public client reads.
func (s *Server) oneDomain(t *turn) result {
	d, ok := s.domains.At(t.at, t.get("domain"))
	if !ok {
		return failed("simulator: there is no domain " + t.get("domain"))
	}
	aliases, lists := 0, 0
	for _, a := range s.aliases.All() {
		if a.Domain == d.Name {
			aliases++
		}
	}
	for _, l := range s.lists.All() {
		if l.Domain == d.Name {
			lists++
		}
	}
	basic, enhanced := s.count(d.Name)
	return result{data: map[string]any{
		"dtzone": s.known(""), "expiry_notifications": 0, "catchall": s.known(""), "domaintype": s.domainType(d.Name), "webmail": "1",
		"vusers": basic + enhanced, "aliases": aliases, "lists": lists, "active": zeroOne(!d.Inactive),
		"exchange_enabled": "0", "audit_enabled": "0", "localdelivery": "1", "totalQuota": s.assigned(d.Name), "homecountry": s.known(""),
	}}
}

// assigned is the sum of the quotas at a domain, in MB; "" is any.
func (s *Server) assigned(domain string) (sum int64) {
	for _, u := range s.users.All() {
		if domain == "" || u.Domain == domain {
			sum += u.QuotaMB
		}
	}
	return sum
}

// domainQuota answers getDomainAssignedQuota (§4.3).
func (s *Server) domainQuota(t *turn) result {
	return result{data: map[string]any{"totalquota": s.number(strconv.FormatInt(s.assigned(t.get("domain")), 10), 0)}}
}

// domainVerification answers getDomainVerification (§4.3).
func (s *Server) domainVerification(t *turn) result {
	name := t.get("domain")
	if _, ok := s.domains.Get(name); !ok {
		return failed("simulator: there is no domain " + name)
	}
	return result{data: map[string]any{"type": "TXT", "host": name, "value": "simulator-" + s.random("verify "+name)}}
}

// domainAvailable answers isDomainAvailable (§4.3), by its returncode.
func (s *Server) domainAvailable(t *turn) result {
	if _, taken := s.domains.Get(t.get("domain")); taken {
		return failed("simulator: " + t.get("domain") + " is taken")
	}
	return done
}

// addDomain answers addDomain (§4.3).
func (s *Server) addDomain(t *turn) result {
	name, n := t.get("newdomain"), 1
	if _, taken := s.domains.Get(name); taken || name == "" {
		return failed("simulator: " + name + " is taken")
	}
	for range s.domains.All() {
		n++
	}
	s.domains.Put(t.now, name, Domain{ID: n, Name: name})
	t.changed("domain %s added", name)
	return done
}

// removeDomain answers removeDomain (§4.3), which erases its users (§4.2).
func (s *Server) removeDomain(t *turn) result {
	name := t.get("domain")
	if _, ok := s.domains.Get(name); !ok {
		return failed("simulator: there is no domain " + name)
	}
	s.domains.Delete(t.now, name)
	for address, u := range s.users.All() {
		if u.Domain == name {
			s.users.Delete(t.now, address)
		}
	}
	for address, a := range s.aliases.All() {
		if a.Domain == name {
			s.aliases.Delete(t.now, address)
		}
	}
	for address, l := range s.lists.All() {
		if l.Domain == name {
			s.lists.Delete(t.now, address)
		}
	}
	t.changed("domain %s removed, with all that was there", name)
	return done
}

// updateDomain answers updateDomain (§4.3), of whose parameters one is known.
func (s *Server) updateDomain(t *turn) result {
	d, ok := s.domains.Get(t.get("domain"))
	if !ok {
		return failed("simulator: there is no domain " + t.get("domain"))
	}
	if inactive := t.get("editdomainactive") == "0"; inactive != d.Inactive {
		d.Inactive = inactive
		t.changed("domain %s: active %v", d.Name, !inactive)
	}
	s.domains.Put(t.now, d.Name, d)
	return done
}

// stats answers getAdminStats: how much of the subscription is used. A public
// client reads curemails as a number and all else as texts; the unit of the
// quotas is not said, and here is MB.
func (s *Server) stats(*turn) result {
	basic, enhanced := s.count("")
	domains := 0
	for range s.domains.All() {
		domains++
	}
	return result{data: map[string]any{
		"curemails": basic, "cureemails": strconv.Itoa(enhanced),
		"maxemails": strconv.Itoa(s.options.MaxBasic), "maxeemails": strconv.Itoa(s.options.MaxEnhanced),
		"curdomains": strconv.Itoa(domains), "maxdomains": "100",
		"curquota": strconv.FormatInt(s.assigned(""), 10), "maxquota": strconv.FormatInt(s.options.MaxQuotaMB, 10), "autogrow_quota": "0",
	}}
}
