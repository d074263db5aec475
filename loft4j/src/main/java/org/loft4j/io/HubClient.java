package org.loft4j.io;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Shown;

/** What the hub says of a repository: which files a revision has, and size and checksum of each. Several threads may ask. */
final class HubClient {
    private static final int MAX_LISTING_BYTES = 64 << 20;
    private static final Pattern ETAG = Pattern.compile("[0-9A-Za-z_.+=-]{1,128}");

    private final HubEnvironment environment;
    private final HubRetries retries;
    private final HubListener listener;
    private final HubRequests requests;

    HubClient(HubEnvironment environment, HubRetries retries, HubListener listener) {
        this.environment = environment;
        this.retries = retries;
        this.listener = listener;
        this.requests = new HubRequests(environment, retries.silence());
    }

    /** The files of a commit, by their paths in the repository. */
    record Listing(String commit, List<String> files) {}

    /** The files of a revision. */
    Listing list(HubName name) throws IOException {
        URI address = URI.create(
                environment.endpoint() + "/api/models/" + name.repository() + "/revision/" + encoded(name.revision()));
        return retrying(name, "the list of files", true, () -> {
            ByteArrayOutputStream text = new ByteArrayOutputStream();
            try (WatchedBody body = requests.get(name, address, 0).body()) {
                byte[] buffer = new byte[1 << 14];
                for (int count = body.read(buffer); count >= 0; count = body.read(buffer)) {
                    text.write(buffer, 0, count);
                    if (text.size() > MAX_LISTING_BYTES) {
                        throw new HubException(
                                name, "the hub lists more than " + MAX_LISTING_BYTES + " bytes of files");
                    }
                }
            }
            try {
                return listing(name, text.toString(StandardCharsets.UTF_8));
            } catch (CheckpointException e) {
                throw new HubException(
                        name,
                        "cannot be got: what answers at " + environment.endpoint()
                                + " is no hub (its list of files is none), but another server, or the page of a proxy or of a"
                                + " network that asks for a login",
                        e);
            }
        });
    }

    private static Listing listing(HubName name, String text) throws IOException {
        JsonObject json = Json.parse(Path.of(name.repository()), text);
        String commit = json.requireString("sha");
        if (!HubName.isCommit(commit)) {
            throw new HubException(
                    name, "the hub names the commit " + JsonFault.quote(commit) + ", which cannot be one");
        }
        List<String> files = new ArrayList<>();
        JsonNode siblings = json.node("siblings");
        if (siblings != null) {
            for (JsonNode sibling : siblings) {
                String file = sibling.path("rfilename").asText("");
                if (HubFiles.leadsOut(file)) {
                    throw new HubException(
                            name,
                            "lists the file " + JsonFault.quote(file)
                                    + ", whose name leads out of the directory: nothing of it is downloaded");
                }
                files.add(file);
            }
        }
        return new Listing(commit, files);
    }

    /** What the hub says of a file of a commit. */
    HubFile file(HubName name, String commit, String file) throws IOException {
        HubRequests.Trail trail = retrying(name, file, false, () -> requests.head(name, address(name, commit, file)));
        String found = trail.first("X-Repo-Commit");
        if (found != null && !found.equals(commit)) {
            throw new HubException(
                    name, "the hub gives " + file + " of commit " + JsonFault.quote(found) + ", asked for " + commit);
        }
        String linked = trail.first("X-Linked-Etag");
        String etag = plain(linked != null ? linked : trail.last("ETag"));
        if (!ETAG.matcher(etag).matches() || etag.startsWith(".") || etag.endsWith(".incomplete")) {
            throw new HubException(
                    name, "the hub gives no checksum of " + file + " that can be used, but " + JsonFault.quote(etag));
        }
        String size = trail.first("X-Linked-Size");
        if (size == null && !trail.endsElsewhere()) {
            size = trail.last("Content-Length");
        }
        HubFile known = new HubFile(name, commit, file, etag, length(size));
        if (known.size() < 0 && !known.hasChecksum()) {
            throw new HubException(name, "the hub gives neither size nor checksum of " + file);
        }
        return known;
    }

    /** The content of a file from a byte on. The caller closes the body. */
    HttpResponse<WatchedBody> open(HubFile file, long from) throws IOException {
        return requests.get(file.name(), address(file.name(), file.commit(), file.path()), from);
    }

    private URI address(HubName name, String commit, String file) {
        StringBuilder path = new StringBuilder();
        for (String segment : file.split("/")) {
            path.append('/').append(encoded(segment));
        }
        return URI.create(environment.endpoint() + "/" + name.repository() + "/resolve/" + commit + path);
    }

    private static String encoded(String segment) {
        return URLEncoder.encode(segment, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /** An ETag without quotes and the mark of a weak one. */
    private static String plain(@Nullable String etag) {
        return etag == null ? "" : etag.replaceFirst("^W/", "").replace("\"", "");
    }

    private static long length(@Nullable String text) {
        return text != null && text.matches("[0-9]{1,18}") ? Long.parseLong(text) : -1;
    }

    private interface Attempt<T> {
        T make() throws IOException;
    }

    /** @param eager whether a host that cannot be reached is a failure at once: a name may be a mistyped directory */
    private <T> T retrying(HubName name, String what, boolean eager, Attempt<T> attempt) throws IOException {
        for (int failures = 1; ; failures++) {
            try {
                return attempt.make();
            } catch (HubException e) {
                throw e;
            } catch (IOException e) {
                boolean unreachable = e instanceof ConnectException || e instanceof HttpConnectTimeoutException;
                if (failures >= retries.attempts()
                        || (eager && unreachable)
                        || Thread.currentThread().isInterrupted()) {
                    String fault = "cannot get " + what + " from " + environment.endpoint() + ": " + reason(e);
                    throw unreachable
                            ? HubException.unreachable(
                                    name,
                                    fault + "; "
                                            + ProxyAdvice.of(System.getenv(), System.getProperty("https.proxyHost")),
                                    e)
                            : new HubException(name, fault, e);
                }
                pause(what, failures, e);
            }
        }
    }

    /** Waits before something is tried again. */
    void pause(String what, int failures, IOException failure) throws IOException {
        Duration asked = failure instanceof HubRequests.Passing passing ? passing.asked() : null;
        Duration wait = retries.after(failures, asked);
        listener.onRetry(what, reason(failure), wait);
        HubRetries.sleep(wait);
    }

    static String reason(IOException failure) {
        String message = failure.getMessage();
        return failure instanceof ConnectException
                ? "no connection"
                : message == null ? failure.getClass().getSimpleName() : Shown.text(message);
    }
}
