package org.loft4j.cli.ui;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * Serves the page and its events to this machine alone. There is nothing that a request could change, and no request names a
 * file: the paths that exist are those of {@link PageFiles}, {@code /} and {@code /events}. A request whose Host is not a name of
 * this machine's loopback is refused, so that no web page elsewhere can read along by a name that it points here.
 */
public final class UiServer implements AutoCloseable {
    private static final Set<String> HOSTS = Set.of("127.0.0.1", "localhost", "[::1]");
    private static final int HEARTBEATS = 10;

    private final HttpServer server;
    private final ExecutorService threads;
    private final List<Path> roots;
    private final long pauseMillis;
    private final Map<String, PageFiles.Served> files;
    private final SecureRandom random = new SecureRandom();
    private volatile boolean closed;

    private UiServer(HttpServer server, List<Path> roots, long pauseMillis) throws IOException {
        this.server = server;
        this.roots = List.copyOf(roots);
        this.pauseMillis = pauseMillis;
        this.files = PageFiles.served();
        this.threads = Executors.newCachedThreadPool(task -> {
            Thread thread = new Thread(task, "loft-ui");
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Starts a server on 127.0.0.1.
     *
     * @param roots directories of runs, or directories above them; need not exist yet
     * @param port 0 for any that is free
     * @throws ConfigException if the port is taken
     */
    public static UiServer start(List<Path> roots, int port) throws IOException {
        return start(roots, port, 400);
    }

    static UiServer start(List<Path> roots, int port, long pauseMillis) throws IOException {
        InetAddress loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
        HttpServer http;
        try {
            http = HttpServer.create(new InetSocketAddress(loopback, port), 16);
        } catch (BindException e) {
            throw new ConfigException(
                    "port must be free, got " + port + " (" + e.getMessage() + "): leave it out for any", e);
        }
        UiServer server = new UiServer(http, roots, pauseMillis);
        http.createContext("/", server::answer);
        http.setExecutor(server.threads);
        http.start();
        return server;
    }

    /** Where the page is. */
    public URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            exchange.getResponseHeaders().set("X-Content-Type-Options", "nosniff");
            exchange.getResponseHeaders().set("Cross-Origin-Resource-Policy", "same-origin");
            exchange.getResponseHeaders().set("Cache-Control", "no-store");
            String path = exchange.getRequestURI().getRawPath();
            PageFiles.Served file = files.get(path);
            if (!isOurs(exchange.getRequestHeaders().getFirst("Host"))) {
                send(exchange, 403, "this server answers to 127.0.0.1 and localhost only\n");
            } else if (!exchange.getRequestMethod().equals("GET")) {
                exchange.getResponseHeaders().set("Allow", "GET");
                send(exchange, 405, "there is nothing to change here\n");
            } else if (file != null) {
                send(exchange, 200, file.type(), file.content());
            } else if (path.equals("/")) {
                page(exchange);
            } else if (path.equals("/events")) {
                events(exchange);
            } else {
                send(exchange, 404, "there is no such page\n");
            }
        }
    }

    /** Any port will do: a tunnel gives this one another number. */
    private static boolean isOurs(@Nullable String host) {
        return host != null && HOSTS.contains(host.toLowerCase(Locale.ROOT).replaceFirst(":[0-9]{1,5}$", ""));
    }

    private void page(HttpExchange exchange) throws IOException {
        byte[] nonce = new byte[16];
        random.nextBytes(nonce);
        String text = HexFormat.of().formatHex(nonce);
        exchange.getResponseHeaders()
                .set(
                        "Content-Security-Policy",
                        "default-src 'none'; script-src 'self' 'nonce-" + text + "'; style-src 'self' 'unsafe-inline';"
                                + " connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none';"
                                + " frame-ancestors 'none'");
        send(exchange, 200, "text/html; charset=utf-8", PageFiles.live(text).getBytes(StandardCharsets.UTF_8));
    }

    /** Server-sent events: everything from the start, then what comes. A browser that lost its connection begins anew. */
    private void events(HttpExchange exchange) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "text/event-stream; charset=utf-8");
        exchange.sendResponseHeaders(200, 0);
        Feed feed = new Feed(roots);
        OutputStream out = exchange.getResponseBody();
        out.write("retry: 1000\nevent: hello\ndata: {}\n\n".getBytes(StandardCharsets.UTF_8));
        out.flush();
        boolean last = false;
        for (int quiet = 1; !last; quiet++) {
            last = closed;
            List<UiEvent> events = feed.poll();
            for (UiEvent event : events) {
                out.write(("event: " + event.name() + "\ndata: " + event.data() + "\n\n")
                        .getBytes(StandardCharsets.UTF_8));
            }
            if (!events.isEmpty()) {
                quiet = 0;
            } else if (quiet % HEARTBEATS == 0) {
                out.write(": still here\n\n".getBytes(StandardCharsets.UTF_8));
            }
            out.flush();
            if (!last) {
                pause();
            }
        }
    }

    private void pause() throws IOException {
        try {
            Thread.sleep(pauseMillis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("the server stops", e);
        }
    }

    private static void send(HttpExchange exchange, int status, String text) throws IOException {
        send(exchange, status, "text/plain; charset=utf-8", text.getBytes(StandardCharsets.UTF_8));
    }

    private static void send(HttpExchange exchange, int status, String type, byte[] content) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", type);
        boolean head = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, head ? -1 : content.length);
        if (!head) {
            exchange.getResponseBody().write(content);
        }
    }

    @Override
    public void close() {
        // whoever watches is to see how it ended
        closed = true;
        threads.shutdown();
        try {
            threads.awaitTermination(2, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        server.stop(0);
        threads.shutdownNow();
    }
}
