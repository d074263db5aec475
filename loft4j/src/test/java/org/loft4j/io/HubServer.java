package org.loft4j.io;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A hub on the loopback interface with one repository, and a second host to which it redirects for large files, as the real
 * one does. Both can be told to misbehave.
 */
final class HubServer implements AutoCloseable {
    static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    /** What the repository holds; a file whose name ends in .safetensors is a large one. */
    final Map<String, byte[]> files = new LinkedHashMap<>();

    /** Names that are listed beside those of the files. */
    final List<String> alsoListed = new ArrayList<>();

    /** Answers in place of the right ones, in this order: to the listing, to questions about a file, to requests for a large one. */
    final Deque<Answer> listingFaults = new ConcurrentLinkedDeque<>();

    final Deque<Answer> headFaults = new ConcurrentLinkedDeque<>();
    final Deque<Answer> bodyFaults = new ConcurrentLinkedDeque<>();

    /** Answers in place of the right ones however often one asks, by method and file: {@code HEAD config.json}. */
    final Map<String, Answer> answers = new ConcurrentHashMap<>();

    /** Sees requests before they are answered, on the thread of each. */
    volatile Consumer<Request> doorman = request -> {};

    /** What was asked: method, host (hub or elsewhere), path, range and token. */
    final List<Request> requests = Collections.synchronizedList(new ArrayList<>());

    private final HttpServer hub;
    private final HttpServer elsewhere;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    record Request(
            String method,
            String host,
            String path,
            @Nullable String range,
            @Nullable String token) {}

    interface Answer {
        void give(HttpExchange exchange, byte[] content) throws IOException;
    }

    HubServer() throws IOException {
        hub = start(this::answer);
        elsewhere = start(this::content);
    }

    private interface Handler {
        void handle(HttpExchange exchange) throws IOException;
    }

    private HttpServer start(Handler handler) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            try (exchange) {
                Request request = new Request(
                        exchange.getRequestMethod(),
                        server == elsewhere() ? "elsewhere" : "hub",
                        exchange.getRequestURI().getRawPath(),
                        exchange.getRequestHeaders().getFirst("Range"),
                        exchange.getRequestHeaders().getFirst("Authorization"));
                requests.add(request);
                doorman.accept(request);
                handler.handle(exchange);
            }
        });
        server.setExecutor(threads);
        server.start();
        return server;
    }

    private HttpServer elsewhere() {
        return elsewhere;
    }

    URI endpoint() {
        return address(hub, "");
    }

    private static URI address(HttpServer server, String path) {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
    }

    HubServer with(String file, byte[] content) {
        files.put(file, content);
        return this;
    }

    HubServer with(String file, String content) {
        return with(file, content.getBytes(StandardCharsets.UTF_8));
    }

    /** How often a file's content was asked for. */
    long bodies(String file) {
        return requests.stream()
                .filter(request ->
                        request.method().equals("GET") && request.path().endsWith("/" + file))
                .filter(request -> request.host().equals(isLarge(file) ? "elsewhere" : "hub"))
                .count();
    }

    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        if (path.startsWith("/api/models/")) {
            list(exchange);
        } else {
            String file = path.substring(path.indexOf(COMMIT) + COMMIT.length() + 1);
            byte[] content = files.get(file);
            if (content == null) {
                exchange.getResponseHeaders().set("X-Error-Code", "EntryNotFound");
                exchange.sendResponseHeaders(404, -1);
                return;
            }
            exchange.getResponseHeaders().set("X-Repo-Commit", COMMIT);
            boolean head = exchange.getRequestMethod().equals("HEAD");
            Answer fault = head || !isLarge(file) ? answers.get(exchange.getRequestMethod() + " " + file) : null;
            fault = fault == null && head ? headFaults.poll() : fault;
            if (fault != null) {
                fault.give(exchange, content);
            } else if (isLarge(file)) {
                exchange.getResponseHeaders().set("X-Linked-Etag", '"' + sha256(content) + '"');
                exchange.getResponseHeaders().set("X-Linked-Size", Integer.toString(content.length));
                exchange.getResponseHeaders()
                        .set(
                                "Location",
                                address(elsewhere, "/blob/" + file + "?signed").toString());
                exchange.sendResponseHeaders(302, -1);
            } else {
                exchange.getResponseHeaders().set("ETag", "W/\"" + gitSha1(content) + '"');
                whole(exchange, content);
            }
        }
    }

    private void list(HttpExchange exchange) throws IOException {
        StringBuilder json = new StringBuilder("{\"id\": \"org/tiny\", \"sha\": \"" + COMMIT + "\", \"siblings\": [");
        List<String> names = new ArrayList<>(files.keySet());
        names.addAll(alsoListed);
        for (String name : names) {
            json.append(json.charAt(json.length() - 1) == '[' ? "" : ", ")
                    .append("{\"rfilename\": \"")
                    .append(name.replace("\\", "\\\\"))
                    .append("\"}");
        }
        byte[] text = json.append("]}").toString().getBytes(StandardCharsets.UTF_8);
        Answer fault = listingFaults.poll();
        if (fault != null) {
            fault.give(exchange, text);
        } else {
            whole(exchange, text);
        }
    }

    private void content(HttpExchange exchange) throws IOException {
        String file = exchange.getRequestURI().getPath().substring("/blob/".length());
        byte[] content = files.get(file);
        Answer fault = answers.containsKey("GET " + file) ? answers.get("GET " + file) : bodyFaults.poll();
        if (fault != null) {
            fault.give(exchange, content);
        } else {
            ranged(exchange, content);
        }
    }

    /** Everything, whatever was asked for. */
    static void whole(HttpExchange exchange, byte[] content) throws IOException {
        boolean head = exchange.getRequestMethod().equals("HEAD");
        if (head) {
            exchange.getResponseHeaders().set("Content-Length", Integer.toString(content.length));
        }
        exchange.sendResponseHeaders(200, head ? -1 : content.length);
        if (!head) {
            exchange.getResponseBody().write(content);
        }
    }

    /** What was asked for. */
    static void ranged(HttpExchange exchange, byte[] content) throws IOException {
        int from = from(exchange);
        if (from == 0) {
            whole(exchange, content);
            return;
        }
        part(exchange, content, from, content.length);
    }

    /** A part, honestly announced. */
    static void part(HttpExchange exchange, byte[] content, int from, int total) throws IOException {
        exchange.getResponseHeaders().set("Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + total);
        exchange.sendResponseHeaders(206, content.length - from);
        exchange.getResponseBody().write(content, from, content.length - from);
    }

    private static int from(HttpExchange exchange) {
        String range = exchange.getRequestHeaders().getFirst("Range");
        return range == null ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
    }

    /** So many bytes of what was asked for, then the connection is cut. */
    static Answer cutAfter(int bytes) {
        return (exchange, content) -> {
            int from = from(exchange);
            if (from > 0) {
                exchange.getResponseHeaders()
                        .set("Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
            }
            exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
            exchange.getResponseBody().write(content, from, Math.min(bytes, content.length - from));
            exchange.getResponseBody().flush();
            // what is under way when a connection breaks may be lost with it, so it gets the time to arrive
            LockSupport.parkNanos(200_000_000);
            // closing the exchange before all is written closes the connection
        };
    }

    /** So many bytes from the start on, and then nothing for longer than a test waits. */
    static Answer silentAfter(int bytes) {
        return (exchange, content) -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, bytes);
            exchange.getResponseBody().flush();
            HubRetries.sleep(Duration.ofSeconds(100));
        };
    }

    static Answer status(int status, String... headers) {
        return (exchange, content) -> {
            for (int i = 0; i < headers.length; i += 2) {
                exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
            }
            exchange.sendResponseHeaders(status, -1);
        };
    }

    private static boolean isLarge(String file) {
        return file.endsWith(".safetensors");
    }

    static String sha256(byte[] content) {
        return digest("SHA-256", content);
    }

    static String gitSha1(byte[] content) {
        byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.UTF_8);
        byte[] all = new byte[head.length + content.length];
        System.arraycopy(head, 0, all, 0, head.length);
        System.arraycopy(content, 0, all, head.length, content.length);
        return digest("SHA-1", all);
    }

    private static String digest(String algorithm, byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        hub.stop(0);
        elsewhere.stop(0);
        threads.shutdownNow();
    }
}
