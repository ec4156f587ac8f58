package emailarray

import (
	"strconv"

	"mailops/schema"
)

// Figures are how much of the subscription is used, and how much there is (§4.3);
// -1 is not told. Whether mailboxes includes the Enhanced ones is not said: here it
// is the Basic ones, as enhanced ones are counted beside it. The unit of the
// quotas is not said either, so that they are numbers.
type Figures struct {
	Basic, MaxBasic       int64 // curemails, maxemails
	Enhanced, MaxEnhanced int64 // cureemails, maxeemails
	Domains, MaxDomains   int64 // curdomains, maxdomains
	Quota, MaxQuota       int64 // curquota, maxquota
}

// Licences are the limits that the rule licence-limit knows.
func (f Figures) Licences() schema.Licences {
	limit := func(n int64) *int64 {
		if n < 0 {
			return nil
		}
		return &n
	}
	return schema.Licences{Basic: limit(f.MaxBasic), Enhanced: limit(f.MaxEnhanced)}
}

// A statsRow is what getAdminStats tells.
type statsRow struct {
	CurMails   word `json:"curemails"`
	CurEMails  word `json:"cureemails"`
	MaxMails   word `json:"maxemails"`
	MaxEMails  word `json:"maxeemails"`
	CurDomains word `json:"curdomains"`
	MaxDomains word `json:"maxdomains"`
	CurQuota   word `json:"curquota"`
	MaxQuota   word `json:"maxquota"`
}

func (r statsRow) figures() Figures {
	n := func(w word) int64 {
		v, err := strconv.ParseUint(string(w), 10, 63)
		if err != nil {
			return -1
		}
		return int64(v)
	}
	return Figures{
		Basic: n(r.CurMails), MaxBasic: n(r.MaxMails), Enhanced: n(r.CurEMails), MaxEnhanced: n(r.MaxEMails),
		Domains: n(r.CurDomains), MaxDomains: n(r.MaxDomains), Quota: n(r.CurQuota), MaxQuota: n(r.MaxQuota),
	}
}
