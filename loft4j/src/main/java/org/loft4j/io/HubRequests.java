package org.loft4j.io;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Requests to the hub and to the hosts to which it redirects. The token goes to the hub alone: large files lie on other hosts
 * under addresses that are signed, and a token that is sent there is a token given away.
 */
final class HubRequests {
    private static final int PROXY_LOGIN = 407;
    private static final int MAX_REDIRECTS = 10;
    private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
    private static final Set<Integer> PASSING = Set.of(408, 425, 429, 500, 502, 503, 504);
    private static final Duration CONNECT = Duration.ofSeconds(10);

    private final HubEnvironment environment;
    private final Duration silence;
    private final HttpClient client;

    HubRequests(HubEnvironment environment, Duration silence) {
        this.environment = environment;
        this.silence = silence;
        this.client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(CONNECT)
                .build();
    }

    /** A failure that may pass, with the wait that the server asks for. */
    static final class Passing extends IOException {
        private static final long serialVersionUID = 1L;

        private final @Nullable Duration asked;

        Passing(String message, @Nullable Duration asked) {
            super(message);
            this.asked = asked;
        }

        @Nullable
        Duration asked() {
            return asked;
        }
    }

    /**
     * The answers on the way.
     *
     * @param headers of each, the last one's first
     * @param endsElsewhere whether the last is a redirect that was not followed
     */
    record Trail(List<HttpHeaders> headers, boolean endsElsewhere) {
        @Nullable
        String first(String... names) {
            for (String name : names) {
                for (HttpHeaders each : headers) {
                    String value = each.firstValue(name).orElse(null);
                    if (value != null) {
                        return value;
                    }
                }
            }
            return null;
        }

        @Nullable
        String last(String name) {
            return headers.get(0).firstValue(name).orElse(null);
        }
    }

    /** Asks for headers; follows redirects until one of them has told the checksum of the file that lies elsewhere. */
    Trail head(HubName name, URI address) throws IOException {
        List<HttpHeaders> seen = new ArrayList<>();
        URI at = address;
        boolean trusted = true;
        for (int i = 0; i <= MAX_REDIRECTS; i++) {
            HttpResponse<Void> response = send(
                    request(at, trusted).method("HEAD", HttpRequest.BodyPublishers.noBody()),
                    HttpResponse.BodyHandlers.discarding());
            seen.add(0, response.headers());
            boolean redirected = REDIRECTS.contains(response.statusCode());
            if (redirected && response.headers().firstValue("X-Linked-Etag").isEmpty()) {
                at = target(name, at, response.headers());
                trusted &= isHub(at);
                continue;
            }
            if (!redirected) {
                require(name, response.statusCode(), response.headers(), at);
            }
            return new Trail(seen, redirected);
        }
        throw new HubException(name, "is redirected more than " + MAX_REDIRECTS + " times, from " + address);
    }

    /**
     * Asks for content. The caller closes the body.
     *
     * @param from first byte that is wanted; 0 asks for all
     */
    HttpResponse<WatchedBody> get(HubName name, URI address, long from) throws IOException {
        URI at = address;
        boolean trusted = true;
        for (int i = 0; i <= MAX_REDIRECTS; i++) {
            HttpRequest.Builder request = request(at, trusted).GET();
            if (from > 0) {
                // no If-Range: the host of the content has another tag for it than the hub; range, size and checksum
                // are checked
                request.header("Range", "bytes=" + from + "-");
            }
            HttpResponse<WatchedBody> response = send(request, answer -> new WatchedBody(silence));
            int status = response.statusCode();
            if (status == 200 || status == 206 || status == 416) {
                return response;
            }
            // none of an answer that is a proxy's own
            WatchedBody body = response.body();
            if (body != null) {
                body.close();
            }
            if (!REDIRECTS.contains(status)) {
                require(name, status, response.headers(), at);
                throw new HubException(
                        name, at.getHost() + " answers with status " + status + ", which means nothing here");
            }
            at = target(name, at, response.headers());
            trusted &= isHub(at);
        }
        throw new HubException(name, "is redirected more than " + MAX_REDIRECTS + " times, from " + address);
    }

    /** Whether an address is the hub's, by scheme, host and port. */
    private boolean isHub(URI address) {
        URI hub = environment.endpoint();
        return hub.getScheme().equalsIgnoreCase(address.getScheme())
                && hub.getHost().equalsIgnoreCase(address.getHost())
                && hub.getPort() == address.getPort();
    }

    private HttpRequest.Builder request(URI address, boolean trusted) {
        HttpRequest.Builder request = HttpRequest.newBuilder(address)
                .timeout(silence)
                .header("User-Agent", "loft4j")
                // sizes and ranges are those of the file, not of a compressed form
                .header("Accept-Encoding", "identity");
        String token = environment.token();
        if (token != null && trusted) {
            request.header("Authorization", "Bearer " + token);
        }
        return request;
    }

    private <T> HttpResponse<T> send(HttpRequest.Builder request, HttpResponse.BodyHandler<T> handler)
            throws IOException {
        try {
            return client.send(request.build(), handler);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for an answer");
        }
    }

    private static URI target(HubName name, URI from, HttpHeaders headers) throws HubException {
        String location = headers.firstValue("Location").orElse("");
        try {
            URI target = from.resolve(location);
            String scheme = String.valueOf(target.getScheme());
            boolean weaker = scheme.equalsIgnoreCase("http") && "https".equalsIgnoreCase(from.getScheme());
            boolean known = scheme.equalsIgnoreCase("http") || scheme.equalsIgnoreCase("https");
            if (!location.isEmpty() && target.getHost() != null && known && !weaker) {
                return target;
            }
        } catch (IllegalArgumentException e) {
            // the message below names it
        }
        throw new HubException(
                name, from.getHost() + " redirects to " + JsonFault.quote(location) + ", which is not followed");
    }

    /** Turns a status that is no success into a failure that says what to do. */
    private void require(HubName name, int status, HttpHeaders headers, URI at) throws IOException {
        if (status >= 200 && status < 300) {
            return;
        }
        if (status == PROXY_LOGIN) {
            throw new HubException(
                    name,
                    "cannot be got: the proxy on the way asks for a login (status 407), which is not given to any; name a proxy"
                            + " that asks for none, or get the files in another way and name their directory");
        }
        // elsewhere addresses are signed for a while; the hub gives a new one each time
        if (PASSING.contains(status) || !isHub(at)) {
            throw new Passing(at.getHost() + " answers with status " + status, wait(headers));
        }
        String host = environment.endpoint().getHost();
        String code = headers.firstValue("X-Error-Code").orElse("");
        boolean known = environment.token() != null;
        String token = known
                ? "the token that is set (HF_TOKEN, or the file token in HF_HOME) does not give access to it"
                : "set HF_TOKEN to a token of yours (" + environment.endpoint() + "/settings/tokens)";
        if (code.equals("GatedRepo")) {
            throw new HubException(
                    name,
                    "is gated: accept its licence at " + environment.endpoint() + "/" + name.repository() + ", then "
                            + (known ? "try again; " + token + " yet" : token));
        }
        if (code.equals("RevisionNotFound")) {
            throw HubException.unknown(
                    name,
                    "has no branch, tag or commit " + name.revision() + " on " + host + ": name another after the @");
        }
        // a mirror may not say which it is: files are asked for once they were listed
        boolean file = status == 404 && code.isEmpty() && at.getPath().contains("/resolve/");
        if (code.equals("EntryNotFound") || file) {
            throw new HubException(name, "lists a file on " + host + " that is not there: " + at.getPath());
        }
        if (status == 401 || status == 404) {
            throw HubException.unknown(
                    name,
                    host + " knows no such model, or does not show it to you; if it is private or gated, " + token);
        }
        if (status == 403) {
            throw new HubException(
                    name,
                    host + " refuses " + at.getPath() + ": if it is gated, accept its licence at "
                            + environment.endpoint() + "/" + name.repository() + "; " + token);
        }
        throw new HubException(name, host + " answers with status " + status + " for " + at.getPath());
    }

    private static @Nullable Duration wait(HttpHeaders headers) {
        String seconds = headers.firstValue("Retry-After").orElse("");
        return seconds.matches("[0-9]{1,6}") ? Duration.ofSeconds(Long.parseLong(seconds)) : null;
    }
}
