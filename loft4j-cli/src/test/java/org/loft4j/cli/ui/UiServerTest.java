package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class UiServerTest {
    @TempDir
    Path directory;

    private final HttpClient client = HttpClient.newHttpClient();
    private UiServer server;

    @BeforeEach
    void aServer() throws IOException {
        server = UiServer.start(List.of(directory), 0, 20);
    }

    @AfterEach
    void close() {
        server.close();
    }

    private HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return client.send(
                HttpRequest.newBuilder(server.address().resolve(path)).build(), BodyHandlers.ofString());
    }

    /** The status line of a request that is sent as it stands. */
    private String raw(String request) throws IOException {
        try (Socket socket =
                new Socket(InetAddress.getLoopbackAddress(), server.address().getPort())) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
            return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))
                    .readLine();
        }
    }

    @Test
    void everyFileThatThePageNamesIsServed() throws Exception {
        String page = get("/").body();
        List<String> named = Pattern.compile("\"(/page/[^\"]+)\"")
                .matcher(page)
                .results()
                .map(match -> match.group(1))
                .toList();
        assertTrue(named.size() > 10, page);
        for (String path : named) {
            HttpResponse<String> response = get(path);
            assertEquals(200, response.statusCode(), path);
            assertFalse(response.body().isEmpty(), path);
        }
        assertFalse(page.contains("{{"), page);
        String policy = get("/").headers().firstValue("Content-Security-Policy").orElse("");
        assertTrue(policy.startsWith("default-src 'none'; script-src 'self' 'nonce-"), policy);
    }

    @ParameterizedTest
    @ValueSource(strings = {"evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.", "[::2]", ""})
    void aForeignHostIsRefused(String host) throws IOException {
        assertEquals("HTTP/1.1 403 Forbidden", raw("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"));
        assertEquals("HTTP/1.1 403 Forbidden", raw("GET /events HTTP/1.1\r\nHost: " + host + "\r\n\r\n"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "localhost:1234", "LocalHost", "[::1]:80"})
    void theNamesOfTheLoopbackAreAnsweredWithAnyPort(String host) throws IOException {
        assertEquals("HTTP/1.1 200 OK", raw("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/page/../secret.txt",
                "/../secret.txt",
                "/page/%2e%2e/%2e%2e/secret.txt",
                "/..%2fsecret.txt",
                "/secret.txt",
                "/page/",
                "//secret.txt",
                "/page/page.js/../../secret.txt"
            })
    void noRequestNamesAFile(String path) throws IOException {
        Files.writeString(directory.resolve("secret.txt"), "secret");
        String status = raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertTrue(status.matches("HTTP/1.1 40[04] .*"), status);
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST", "PUT", "DELETE", "OPTIONS"})
    void thereIsNothingToChange(String method) throws IOException {
        assertTrue(raw(method + " / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
                .startsWith("HTTP/1.1 405 "));
    }

    @Test
    void aPortThatIsTakenIsSaid() {
        ConfigException error = assertThrows(
                ConfigException.class,
                () -> UiServer.start(List.of(directory), server.address().getPort()));
        assertTrue(String.valueOf(error.getMessage()).startsWith("port must be free, got "), error.getMessage());
    }

    private static final class Stream implements AutoCloseable {
        private final BufferedReader lines;
        private final ObjectMapper mapper = new ObjectMapper();

        Stream(URI address) throws IOException {
            lines = new BufferedReader(
                    new InputStreamReader(address.resolve("/events").toURL().openStream(), StandardCharsets.UTF_8));
        }

        /** The data of the next event of a name. */
        JsonNode next(String name) throws IOException {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.equals("event: " + name)) {
                    return mapper.readTree(lines.readLine().substring("data: ".length()));
                }
            }
            throw new IOException("the stream ended without " + name);
        }

        @Override
        public void close() throws IOException {
            lines.close();
        }
    }

    @Test
    void whatARunAppendsArrives() throws IOException {
        RunFolder run = RunFolder.create(directory.resolve("some/run"), 100);
        run.train(1, 3);
        try (Stream stream = new Stream(server.address())) {
            stream.next("hello");
            JsonNode described = stream.next("run");
            assertEquals("some/run", described.get("name").asText());
            assertEquals("running", described.get("status").asText());
            assertEquals(100, described.get("about").get("total_steps").asInt());
            assertEquals("loft", described.get("settings").get("method").asText());
            JsonNode before = stream.next("lines");
            assertEquals("metrics", before.get("file").asText());
            assertTrue(before.get("from_start").asBoolean());
            assertEquals(3, before.get("lines").size());

            run.append("metrics.jsonl", "{\"step\":4,\"lo");
            run.append("metrics.jsonl", "ss\":0.5}\nno JSON\n");
            JsonNode news = stream.next("lines");
            assertFalse(news.get("from_start").asBoolean());
            assertEquals(0.5, news.get("lines").get(0).get("loss").asDouble());
            run.append("samples.jsonl", "{\"step\":4,\"prompt\":\"a\",\"text\":\"<b>\"}\n");
            assertEquals("samples", stream.next("lines").get("file").asText());

            run.about(100, "2026-01-01T00:00:00Z", 4);
            assertEquals("stopped", stream.next("run").get("status").asText());
        }
    }

    @Test
    void aRunThatIsTakenUpAgainIsToldFromItsStart() throws IOException {
        RunFolder run = RunFolder.create(directory.resolve("run"), 100);
        run.train(1, 5);
        try (Stream stream = new Stream(server.address())) {
            assertEquals(5, stream.next("lines").get("lines").size());
            // cut off after the checkpoint, and longer than before by the next look
            Files.writeString(directory.resolve("run/metrics.jsonl"), "");
            run.about(100, null, 0);
            run.train(1, 9);
            JsonNode again = stream.next("lines");
            assertTrue(again.get("from_start").asBoolean());
            JsonNode last = again;
            // that nothing is left may be told in between
            while (last.get("lines")
                            .path(last.get("lines").size() - 1)
                            .path("step")
                            .asInt()
                    < 9) {
                last = stream.next("lines");
            }
        }
    }

    @Test
    void aRunThatBeginsLaterIsFound() throws IOException {
        try (Stream stream = new Stream(server.address())) {
            stream.next("hello");
            RunFolder.create(directory.resolve("trial/training"), 10).train(1, 1);
            assertEquals("trial", stream.next("run").get("name").asText());
        }
    }

    @Test
    void whoWatchesSeesTheEnd() throws IOException {
        RunFolder run = RunFolder.create(directory.resolve("run"), 2);
        try (Stream stream = new Stream(server.address())) {
            stream.next("run");
            run.train(1, 2);
            run.about(2, "2026-01-01T00:00:00Z", 2);
            server.close();
            JsonNode described = stream.next("run");
            while (!described.get("status").asText().equals("finished")) {
                described = stream.next("run");
            }
        }
    }

    @Test
    void noMoreThanSomeBrowsersAreTold() throws Exception {
        RunFolder.create(directory.resolve("run"), 2).train(1, 2);
        List<Stream> open = new ArrayList<>();
        try {
            for (int i = 0; i < UiServer.CONNECTIONS; i++) {
                open.add(new Stream(server.address()));
            }
            HttpResponse<String> refused = get("/events");
            assertEquals(503, refused.statusCode());
            assertTrue(refused.body().startsWith("16 pages are open"), refused.body());
            assertEquals(200, get("/").statusCode(), "the page says so");
            open.remove(0).close();
            int status = 503;
            while (status != 200) {
                status = client.send(
                                HttpRequest.newBuilder(server.address().resolve("/events"))
                                        .build(),
                                BodyHandlers.ofInputStream())
                        .statusCode();
            }
        } finally {
            for (Stream stream : open) {
                stream.close();
            }
        }
    }

    /** One that reads is told everything meanwhile, and stays. */
    @Test
    void aBrowserThatTakesNothingIsLetGo() throws Exception {
        RunFolder run = RunFolder.create(directory.resolve("run"), 1_000_000);
        run.train(1, 100_000);
        List<AutoCloseable> open = new ArrayList<>();
        try (UiServer hasty = UiServer.start(List.of(directory), 0, 20, 500)) {
            for (int i = 1; i < UiServer.CONNECTIONS; i++) {
                open.add(asked(hasty, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            }
            Stream reader = new Stream(hasty.address());
            open.add(reader);
            int told = 0;
            while (told < 100_000) {
                told += reader.next("lines").get("lines").size();
            }
            while (open.size() < 2 * UiServer.CONNECTIONS - 1) {
                try {
                    open.add(new Stream(hasty.address()));
                } catch (IOException stillFull) {
                    Thread.sleep(50);
                }
            }
            run.train(100_001, 100_001);
            assertFalse(reader.next("lines").get("from_start").asBoolean());
        } finally {
            for (AutoCloseable one : open) {
                one.close();
            }
        }
    }

    @Test
    void aRequestThatDoesNotComeWholeIsLetGo() throws Exception {
        String request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nsome";
        try (UiServer hasty = UiServer.start(List.of(directory), 0, 20, 500);
                Socket socket = asked(hasty, request)) {
            socket.setSoTimeout(20_000);
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertTrue(answer.startsWith("HTTP/1.1 405 "), answer);
        }
    }

    private static Socket asked(UiServer server, String request) throws IOException {
        Socket socket =
                new Socket(InetAddress.getLoopbackAddress(), server.address().getPort());
        socket.setReceiveBufferSize(4096);
        socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
        return socket;
    }
}
