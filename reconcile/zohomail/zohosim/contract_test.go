package zohosim_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestContract sends each documented call as reference/seed-systems.md §1.4–§1.7
// has it, and compares what changed and the data of the reply.
func TestContract(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		data               string // as JSON; "" is none, "*" is whatever
		changes            string
	}{
		{"GET", "/api/organization/", "", "*", ""},
		{"GET", "/api/organization/ZOID", "", "*", ""},
		{"GET", accounts + "?start=0&limit=2", "", "*", ""},
		{"GET", bobByID, "", "*", ""},
		{"GET", accounts + "/bob@acme.example", "", "*", ""},
		{"GET", "/api/accounts", "", "*", ""},
		{"GET", "/api/accounts/BOB", "", "*", ""},
		{"POST", accounts, `{"primaryEmailAddress":"eve@acme.example","password":"Secret#1","firstName":"Eve","lastName":"Ek","displayName":"E","role":"member","country":"at","language":"en","timeZone":"Europe/Vienna","oneTimePassword":true,"userExpiry":30,"groupMailList":["team@acme.example"]}`,
			`{"accountId":"5250000000000008005","primaryEmailAddress":"eve@acme.example","zuid":700000004}`,
			"eve@acme.example created, zuid 700000004|group team@acme.example: eve@acme.example is member"},
		{"DELETE", accounts, `{"accountList":["700000002"]}`, "", "bob@acme.example deleted, zuid 700000002"},
		{"DELETE", accounts, `{"emailList":["bob@acme.example"]}`, "", "bob@acme.example deleted, zuid 700000002"},
		{"DELETE", accounts + "/111111156", `{"accountList":["700000002"]}`, "", "bob@acme.example deleted, zuid 700000002"},

		{"PUT", bob, `{"zuid":"700000002","mode":"updateIMAPStatus","imapAccessEnabled":"true"}`, "", "bob@acme.example: imapAccessEnabled false -> true"},
		{"PUT", bob, `{"zuid":700000002,"mode":"updatePOPStatus","popAccessEnabled":true}`, "", "bob@acme.example: popAccessEnabled false -> true"},
		{"PUT", bob, `{"zuid":"700000002","mode":"updateMobileSyncStatus","activeSyncEnabled":"true"}`, "", "bob@acme.example: activeSyncEnabled false -> true"},
		{"PUT", bob, `{"zuid":700000002,"mode":"updateIncomingStatus","incomingBlocked":"true"}`, "", "bob@acme.example: incomingBlocked false -> true"},
		{"PUT", bob, `{"zuid":"700000002","mode":"updateOutgoingStatus","outgoingBlocked":"true"}`, "", "bob@acme.example: outgoingBlocked false -> true"},
		{"PUT", bob, `{"mode":"disableUser","blockIncoming":"true","removeMailforward":"true","removeGroupMembership":"true","removeAlias":"true","zuid":"700000002"}`, "",
			"bob@acme.example: disabled false -> true|bob@acme.example: incomingBlocked false -> true|bob@acme.example: left all groups"},
		{"PUT", bob, `{"mode":"disableUser","zuid":"700000002"}`, "", "bob@acme.example: disabled false -> true"},
		{"PUT", bob, `{"mode":"enableUser","zuid":"700000002","unblockIncoming":"true"}`, "", ""},
		{"PUT", bob, `{"mode":"addMailForward","zuid":"700000002","mailForward":[{"mailForwardTo":"ada@acme.example"}]}`, "", "bob@acme.example: forward to ada@acme.example added"},
		{"PUT", bob, `{"mode":"addMailForward","zuid":"700000002","mailForward":"x@elsewhere.example"}`, "", "bob@acme.example: forward to x@elsewhere.example added"},
		{"PUT", bob, `{"mode":"deleteZohoMailCopy","zuid":"700000002","deleteCopy":true}`, "", "bob@acme.example: deleteCopy false -> true"},
		{"PUT", bob, `{"mode":"updatePersonalInfo","zuid":"700000002","displayName":"Bobby"}`, "", "bob@acme.example: displayName Bob Berg -> Bobby"},

		{"PUT", bobByID, `{"mode":"resetPassword","password":"Secret#1"}`, "", "bob@acme.example: password set"},
		{"PUT", bobByID, `{"mode":"resetPassword","zuid":"700000002","password":"Secret#1","resetAuthToken":true,"oneTimePassword":false}`, "", "bob@acme.example: password set"},
		{"PUT", accounts, `{"mode":"changeRole","userList":["700000002"],"role":"admin"}`, `[{"700000002":true}]`, "bob@acme.example: role member -> admin"},
		{"PUT", accounts, `{"mode":"changeRole","userList":["700000001","1"],"role":"user"}`, `[{"700000001":true},{"1":false}]`, "ada@acme.example: role super_admin -> member"},
		{"PUT", bobByID, `{"zuid":"700000002","mode":"addEmailAlias","emailAlias":["b@acme.example"]}`, `{"b@acme.example":"5250000000000012003"}`, "bob@acme.example: alias b@acme.example added"},

		{"GET", "/api/organization/ZOID/groups", "", `{"count":1,"groups":[{"accessType":"Public","emailId":"team@acme.example","groupDescription":"","mailGroupMemberList":[{"memberEmailId":"ada@acme.example","role":"moderator","status":"active"},{"memberEmailId":"bob@acme.example","role":"member","status":"active"}],"name":"","streamsEnabled":false,"zgid":800000003}]}`, ""},
		{"GET", team, "", "*", ""},
		{"GET", team + "/members", "", `[{"memberEmailId":"ada@acme.example","role":"moderator","status":"active"},{"memberEmailId":"bob@acme.example","role":"member","status":"active"}]`, ""},
		{"POST", "/api/organization/ZOID/groups", `{"emailId":"new@acme.example","name":"New","mailGroupMemberList":[{"memberEmailId":"ada@acme.example","role":"moderator"}]}`, "*", "group new@acme.example created, zgid 800000004"},
		{"PUT", team, `{"mode":"addMailGroupMember","mailGroupMemberList":[{"memberEmailId":"x@elsewhere.example"}]}`, "", "group team@acme.example: x@elsewhere.example is member"},
		{"PUT", team, `{"mode":"changeMemberRole","mailGroupMemberList":[{"memberEmailId":"bob@acme.example","role":"moderator"}]}`, "", "group team@acme.example: bob@acme.example is moderator"},
		{"PUT", team, `{"mode":"removeMailGroupMember","mailGroupMemberList":[{"memberEmailId":"bob@acme.example"}]}`, "", "group team@acme.example: bob@acme.example left"},
		{"PUT", team, `{"mode":"updateMailGroup","name":"The team"}`, "", "group team@acme.example updated"},
		{"DELETE", team, "", "", "group team@acme.example deleted"},
	} {
		t.Run(c.method+" "+c.path+" "+c.body, func(t *testing.T) {
			s := start(t)
			data := s.data(t, 200, c.method, c.path, c.body)
			if got := asJSON(t, data); c.data != "*" && got != c.data {
				t.Errorf("got  %s\nwant %s", got, c.data)
			}
			log := s.Log()
			if got := strings.Join(log[len(log)-1].Changes, "|"); got != c.changes {
				t.Errorf("got  %s\nwant %s", got, c.changes)
			}
		})
	}
}

// TestErrors: what is wrong has a documented status and the shape of §1.2, and
// changes nothing.
func TestErrors(t *testing.T) {
	s := start(t)
	before := s.Users()
	for _, c := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"PUT", bobByID, `{"zuid":"700000002","mode":"updateIMAPStatus","imapAccessEnabled":"true"}`, 404, "Account id 700000002 is invalid"}, // a zuid where an accountId belongs
		{"PUT", bob, `{"mode":"resetPassword","password":"Secret#1"}`, 404, "is invalid"},                                                     // and the other way round
		{"PUT", bob, `{"zuid":"700000001","mode":"updateIMAPStatus","imapAccessEnabled":"true"}`, 400, "not the owner"},
		{"PUT", bob, `{"mode":"updateIMAPStatus","imapAccessEnabled":"true"}`, 400, "zuid is missing"},
		{"PUT", bob, `{"zuid":"700000002","mode":"updateIMAPStatus"}`, 400, "imapAccessEnabled is missing"},
		{"PUT", bob, `{"zuid":"700000002","mode":"updateIMAPStatus","popAccessEnabled":"true"}`, 400, "imapAccessEnabled is missing"}, // the old page's slip
		{"PUT", bob, `{"zuid":"700000002","mode":"updateIMAPStatus","imapAccessEnabled":"yes"}`, 400, "no boolean"},
		{"PUT", bob, `{"zuid":"700000002","mode":"enableUser"}`, 400, "unblockIncoming is missing"},
		{"PUT", bob, `{"zuid":"700000002","mode":"updateSpamCheck","spamcheckEnabled":"true"}`, 400, "no mode"}, // there is none
		{"PUT", bob, `{"zuid":"700000002"}`, 400, "no mode"},
		{"PUT", bob, `{"zuid":"700000002","mode":"disableMailAccount"}`, 400, "OPERATION_NOT_PERMITTED"},
		{"PUT", accounts, `{"mode":"changeRole","userList":["700000002"],"role":"super_admin"}`, 400, "changeRole"},
		{"PUT", accounts, `{"mode":"updateIMAPStatus","zuid":"700000002","imapAccessEnabled":"true"}`, 400, "no mode"},
		{"POST", accounts, `{"primaryEmailAddress":"eve@acme.example"}`, 400, "password is missing"},
		{"POST", accounts, `{"primaryEmailAddress":"bob@acme.example","password":"x"}`, 400, "exists"},
		{"POST", accounts, `{"primaryEmailAddress":"team@acme.example","password":"x"}`, 400, "is a group"},
		{"POST", accounts, `{"primaryEmailAddress":"eve@elsewhere.example","password":"x"}`, 400, "domains"},
		{"DELETE", accounts, ``, 400, "body"}, // as when a proxy strips it
		{"DELETE", accounts, `{"accountList":["BOB"]}`, 404, "is invalid"},
		{"DELETE", accounts, `{"accountList":["700000002","1"]}`, 404, "Account id 1 is invalid"},
		{"GET", accounts + "/1", "", 404, "Account id 1 is invalid"},
		{"GET", accounts + "?limit=x", "", 400, "numbers"},
		{"GET", "/api/organization/1/accounts", "", 404, "no organization"},
		{"GET", "/api/nothing", "", 404, "URL Rule"},
		{"PUT", bob, `[]`, 400, "JSON object"},
		{"PUT", bobByID, `{"zuid":"700000002","mode":"deleteEmailAlias","emailAlias":["no@acme.example"]}`, 400, "no alias"},
		{"PUT", bob, `{"mode":"enableMailForward","zuid":"700000002","mailForward":"no@acme.example"}`, 400, "not forwarded"},
		{"PUT", team, `{"mode":"removeMailGroupMember","mailGroupMemberList":[{"memberEmailId":"no@acme.example"}]}`, 400, "no member"},
	} {
		status, reply := s.ask(t, c.method, c.path, c.body)
		want := fmt.Sprintf(`"status":{"code":%d,"description":`, c.status)
		if status != c.status || !strings.Contains(reply, c.text) || !strings.Contains(reply, `"data":{"moreInfo":`) || !strings.Contains(reply, want) {
			t.Errorf("%s %s %s: got %d %s", c.method, c.path, c.body, status, reply)
		}
	}
	if !reflect.DeepEqual(before, s.Users()) {
		t.Error("an error changed something")
	}
}
