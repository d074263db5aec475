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
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.loft4j.ConfigException;

/**
 * Serves the page and its events to this machine alone. There is nothing that a request could change, and no request names a
 * file: the paths that exist are those of {@link PageFiles}, {@code /} and {@code /events}. A request whose Host is not a name of
 * this machine's loopback is refused, so that no web page elsewhere can read along by a name that it points here.
 */
public final class UiServer implements AutoCloseable {
    private static final Set<String> HOSTS = Set.of("127.0.0.1", "localhost", "[::1]");
    private static final int HEARTBEATS = 10;

    /** So many browsers are told of runs at a time. */
    static final int CONNECTIONS = 16;

    /** A browser that takes nothing for so long is let go. */
    private static final long PATIENCE_MILLIS = 30_000;

    /** What is written at once: a slow connection takes that much in time. */
    private static final int PIECE = 1 << 14;

    private final HttpServer server;
    private final ExecutorService threads;
    private final List<Path> roots;
    private final long pauseMillis;
    private final Map<String, PageFiles.Served> files;
    private final SecureRandom random = new SecureRandom();
    private final Semaphore connections = new Semaphore(CONNECTIONS);
    private final RunNames names = new RunNames();
    private final Patience patience;
    private volatile boolean closed;

    private UiServer(HttpServer server, List<Path> roots, long pauseMillis, long patienceMillis) throws IOException {
        this.server = server;
        this.roots = List.copyOf(roots);
        this.pauseMillis = pauseMillis;
        this.files = PageFiles.served();
        this.patience = new Patience(patienceMillis);
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
        return start(roots, port, 400, PATIENCE_MILLIS);
    }

    static UiServer start(List<Path> roots, int port, long pauseMillis) throws IOException {
        return start(roots, port, pauseMillis, PATIENCE_MILLIS);
    }

    static UiServer start(List<Path> roots, int port, long pauseMillis, long patienceMillis) throws IOException {
        InetAddress loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
        HttpServer http;
        try {
            http = HttpServer.create(new InetSocketAddress(loopback, port), 16);
        } catch (BindException e) {
            throw new ConfigException(
                    "port must be free, got " + port + " (" + e.getMessage() + "): leave it out for any", e);
        }
        UiServer server = new UiServer(http, roots, pauseMillis, patienceMillis);
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
        exchange.getResponseHeaders().set("X-Content-Type-Options", "nosniff");
        exchange.getResponseHeaders().set("Cross-Origin-Resource-Policy", "same-origin");
        exchange.getResponseHeaders().set("Cache-Control", "no-store");
        try {
            String path = exchange.getRequestURI().getRawPath();
            if (isOurs(exchange)
                    && exchange.getRequestMethod().equals("GET")
                    && path.equals("/events")
                    && connections.tryAcquire()) {
                try {
                    events(exchange);
                } finally {
                    connections.release();
                }
            } else {
                patience.during(() -> reply(exchange, path));
            }
        } finally {
            // which reads what is left of the request, and writes what is left of the answer
            patience.during(exchange::close);
        }
    }

    private void reply(HttpExchange exchange, String path) throws IOException {
        PageFiles.Served file = files.get(path);
        if (!isOurs(exchange)) {
            send(exchange, 403, "this server answers to 127.0.0.1 and localhost only\n");
        } else if (!exchange.getRequestMethod().equals("GET")) {
            exchange.getResponseHeaders().set("Allow", "GET");
            send(exchange, 405, "there is nothing to change here\n");
        } else if (file != null) {
            send(exchange, 200, file.type(), file.content());
        } else if (path.equals("/")) {
            page(exchange);
        } else if (path.equals("/events")) {
            exchange.getResponseHeaders().set("Retry-After", "5");
            send(exchange, 503, CONNECTIONS + " pages are open, and no more are served: close one\n");
        } else {
            send(exchange, 404, "there is no such page\n");
        }
    }

    /** Any port will do: a tunnel gives this one another number. */
    private static boolean isOurs(HttpExchange exchange) {
        String host = exchange.getRequestHeaders().getFirst("Host");
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
        patience.during(() -> exchange.sendResponseHeaders(200, 0));
        OutputStream out = exchange.getResponseBody();
        Feed feed = new Feed(roots, names);
        write(out, "retry: 1000\nevent: hello\ndata: {}\n\n");
        patience.during(out::flush);
        boolean last = false;
        for (int quiet = 1; !last; quiet++) {
            last = closed;
            AtomicBoolean any = new AtomicBoolean();
            feed.poll(event -> {
                write(out, "event: " + event.name() + "\ndata: " + event.data() + "\n\n");
                any.set(true);
            });
            if (any.get()) {
                quiet = 0;
            } else if (quiet % HEARTBEATS == 0) {
                write(out, ": still here\n\n");
            }
            patience.during(out::flush);
            if (!last) {
                pause();
            }
        }
    }

    private void write(OutputStream out, String text) throws IOException {
        byte[] content = text.getBytes(StandardCharsets.UTF_8);
        for (int from = 0; from < content.length; from += PIECE) {
            int start = from;
            patience.during(() -> out.write(content, start, Math.min(PIECE, content.length - start)));
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
        patience.close();
    }
}
