"""The public status page as a site of Caddy's, pure text: it shows the page while that is fresh, and only then."""

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_BADGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="116" height="20" role="img" aria-label="status: not known">'
    "<title>status: not known</title>"
    '<rect width="116" height="20" fill="#56626c"/>'
    '<text x="58" y="14" fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" '
    'text-anchor="middle">status: not known</text></svg>'
)
_STALE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="color-scheme" content="light dark"><meta http-equiv="refresh" content="30">'
    "<title>Status not known</title>"
    "<h1>Status not known</h1><p>There is no fresh status page. This says nothing about the service itself: "
    "what watches it is silent, or has not begun. This page asks again every 30 seconds.</p></html>"
)


def status_page(site: str, folder: str) -> str:
    """The public status page. It is shown only while there is a mark for the present: `fresh/N`, N the Unix time in
    tens of seconds. Whoever writes the page makes the marks, so that nobody has to be alive to take an old page away.

    Args:
        site: the site's address.
        folder: where the page and its marks lie.
    """
    return rf"""
{site} {{
	root * {folder}
	encode gzip
	header {{
		Content-Security-Policy "{_POLICY}"
		X-Content-Type-Options nosniff
		Referrer-Policy no-referrer
	}}
	map {{time.now.unix}} {{slot}} {{
		~^(\d+)\d$ "${{1}}"
	}}
	@fresh file /fresh/{{slot}}
	handle @fresh {{
		header Cache-Control "public, max-age=30, must-revalidate"
		@open path *.json *.xml *.svg
		header @open Access-Control-Allow-Origin *
		file_server {{
			hide .* fresh
		}}
	}}
	handle {{
		header Cache-Control no-store
		header Retry-After 30
		@badge path *.svg
		handle @badge {{
			header Content-Type image/svg+xml
			respond `{_BADGE}` 200
		}}
		@state path *.json
		handle @state {{
			header Access-Control-Allow-Origin *
			header Content-Type application/json
			respond `{{"state":"unknown"}}` 503
		}}
		handle {{
			header Content-Type "text/html; charset=utf-8"
			respond `{_STALE}` 503
		}}
	}}
}}
"""
