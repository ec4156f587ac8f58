package forge

import "net/http"

// A route is a request as a forge documents it: what is not here is an error of
// the client.
type route struct {
	pattern string   // of http.ServeMux
	query   []string // the parameters that it may have
	body    []string // the fields that it has, all texts
	does    func(f *fake, w http.ResponseWriter, r *http.Request, body map[string]string)
}

// A dialect is what tells the forges apart.
type dialect struct {
	open   func(Options) (Forge, error)
	root   string
	repo   string // as it stands in a path
	auth   string
	accept string
	page   string // the parameter that says how long a page is
	routes []route
	states []string // that a status may have
}

var dialects = map[string]dialect{
	"GitHub": {
		open: GitHub, root: "/api/v3", repo: "acme/mail", auth: "Bearer ", accept: "application/vnd.github+json", page: "per_page",
		states: []string{"error", "failure", "pending", "success"},
		routes: []route{
			{"GET /user", nil, nil, (*fake).user},
			{"POST /repos/acme/mail/statuses/{sha}", nil, []string{"state", "context", "description", "target_url"}, (*fake).setStatus},
			{"GET /repos/acme/mail/commits/{sha}/statuses", []string{"page", "per_page"}, nil, (*fake).listStatuses},
			{"GET /repos/acme/mail/commits/{sha}/pulls", []string{"page", "per_page"}, nil, (*fake).pullsOf},
			{"GET /repos/acme/mail/issues/{number}/comments", []string{"page", "per_page", "since"}, nil, (*fake).listComments},
			{"POST /repos/acme/mail/issues/{number}/comments", nil, []string{"body"}, (*fake).addComment},
			{"PATCH /repos/acme/mail/issues/comments/{id}", nil, []string{"body"}, (*fake).editComment},
		},
	},
	"GitLab": {
		open: GitLab, root: "/api/v4", repo: "acme/it/mail", auth: "Bearer ", accept: "application/json", page: "per_page",
		states: []string{"pending", "running", "success", "failed", "canceled"},
		routes: []route{
			{"GET /user", nil, nil, (*fake).user},
			{"POST /projects/{project}/statuses/{sha}", nil, []string{"state", "context", "description", "target_url"}, (*fake).setStatus},
			{"GET /projects/{project}/repository/commits/{sha}/statuses", []string{"page", "per_page", "name", "ref", "stage", "all"}, nil, (*fake).listStatuses},
			{"GET /projects/{project}/repository/commits/{sha}/merge_requests", []string{"page", "per_page"}, nil, (*fake).pullsOf},
			{"GET /projects/{project}/merge_requests/{number}/notes", []string{"page", "per_page", "sort", "order_by"}, nil, (*fake).listComments},
			{"POST /projects/{project}/merge_requests/{number}/notes", nil, []string{"body"}, (*fake).addComment},
			{"PUT /projects/{project}/merge_requests/{number}/notes/{id}", nil, []string{"body"}, (*fake).editComment},
		},
	},
	"Gitea": {
		open: Gitea, root: "/api/v1", repo: "acme/mail", auth: "token ", accept: "application/json", page: "limit",
		states: []string{"pending", "success", "error", "failure", "warning"},
		routes: []route{
			{"GET /user", nil, nil, (*fake).user},
			{"POST /repos/acme/mail/statuses/{sha}", nil, []string{"state", "context", "description", "target_url"}, (*fake).setStatus},
			{"GET /repos/acme/mail/commits/{sha}/statuses", []string{"page", "limit", "sort", "state"}, nil, (*fake).listStatuses},
			{"GET /repos/acme/mail/commits/{sha}/pull", nil, nil, (*fake).mergedPull},
			{"GET /repos/acme/mail/pulls", []string{"page", "limit", "state", "sort"}, nil, (*fake).openPulls},
			{"GET /repos/acme/mail/issues/{number}/comments", []string{"since", "before", "limit"}, nil, (*fake).listAll},
			{"POST /repos/acme/mail/issues/{number}/comments", nil, []string{"body"}, (*fake).addComment},
			{"PATCH /repos/acme/mail/issues/comments/{id}", nil, []string{"body"}, (*fake).editComment},
		},
	},
}
