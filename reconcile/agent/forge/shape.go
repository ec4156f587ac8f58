package forge

import "regexp"

// A shape is how a forge's API looks, as it documents it. In paths {repo},
// {commit}, {pull} and {comment} stand for themselves.
type shape struct {
	name   string // in errors
	home   string // the URL of who says none
	root   string // of the API, below a URL
	repo   *regexp.Regexp
	scheme string // of the Authorization header
	accept string
	header map[string]string // further ones
	size   string            // the parameter that says how long a page is
	most   int               // characters of a comment

	user     string
	status   string // to post one
	statuses string // to list them, newest first
	named    string // the parameter that chooses a context, where there is one
	find     []find // pull requests
	comments string // to list them, and to make one
	oldest   string // the question that has them listed oldest first, where they are not
	edit     string
	editing  string // the method of edit

	states map[State]string

	// segment: the repository's name is one segment of a path.
	segment bool
	// actions: a line of a comment that begins with a slash is a command.
	actions bool
	// pendingOnce: a status that is pending cannot be set to pending again.
	pendingOnce bool
	// bots: who cannot learn its own name is an app, whose comments are a bot's.
	bots bool
}

// A find is one way to look for the pull requests of a commit.
type find struct {
	path   string
	query  string
	one    bool // the answer is one pull request, or 404
	byHead bool // the answer is more than asked: those count whose head is the commit
	pages  int  // that are looked at; 0 is all
}

var (
	ownerName   = regexp.MustCompile(`^[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$`)
	projectPath = regexp.MustCompile(`^([0-9]+|[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*)+)$`)
)

// sameStates are the words of GitHub, which Gitea took over.
var sameStates = map[State]string{Pending: "pending", Success: "success", Failure: "failure", Errored: "error"}

// gitHub: docs.github.com/rest, version 2022-11-28. A comment has 65,536
// characters at most: so says the error, not the documentation.
var gitHub = shape{
	name: "GitHub", home: "https://api.github.com", root: "/api/v3", repo: ownerName,
	scheme: "Bearer", accept: "application/vnd.github+json", header: map[string]string{"X-GitHub-Api-Version": "2022-11-28"}, size: "per_page", most: 65536,
	user:     "/user",
	status:   "/repos/{repo}/statuses/{commit}",
	statuses: "/repos/{repo}/commits/{commit}/statuses",
	find:     []find{{path: "/repos/{repo}/commits/{commit}/pulls"}},
	comments: "/repos/{repo}/issues/{pull}/comments",
	edit:     "/repos/{repo}/issues/comments/{comment}", editing: "PATCH",
	states: sameStates, bots: true,
}

// gitLab: docs.gitlab.com/api, "Commits", "Notes", "Authentication". A note has
// 1,000,000 characters at most.
var gitLab = shape{
	name: "GitLab", home: "https://gitlab.com", root: "/api/v4", repo: projectPath,
	scheme: "Bearer", accept: "application/json", size: "per_page", most: 1_000_000,
	user:     "/user",
	status:   "/projects/{repo}/statuses/{commit}",
	statuses: "/projects/{repo}/repository/commits/{commit}/statuses", named: "name",
	find:     []find{{path: "/projects/{repo}/repository/commits/{commit}/merge_requests"}},
	comments: "/projects/{repo}/merge_requests/{pull}/notes",
	edit:     "/projects/{repo}/merge_requests/{pull}/notes/{comment}", editing: "PUT",
	states: map[State]string{Pending: "pending", Success: "success", Failure: "failed", Errored: "failed"},
	oldest: "sort=asc&order_by=created_at", segment: true, actions: true, pendingOnce: true,
}

// gitea: its swagger description. The pull request of a commit is told when it
// was merged as that commit; an open one is found by its head. No limit of a
// comment is documented: GitHub's is taken, which any database holds.
var gitea = shape{
	name: "Gitea", root: "/api/v1", repo: ownerName,
	scheme: "token", accept: "application/json", size: "limit", most: 65536,
	user:     "/user",
	status:   "/repos/{repo}/statuses/{commit}",
	statuses: "/repos/{repo}/commits/{commit}/statuses",
	find: []find{
		{path: "/repos/{repo}/commits/{commit}/pull", one: true},
		{path: "/repos/{repo}/pulls", query: "state=open&sort=recentupdate", byHead: true, pages: 4},
	},
	comments: "/repos/{repo}/issues/{pull}/comments",
	edit:     "/repos/{repo}/issues/comments/{comment}", editing: "PATCH",
	states: sameStates,
}
