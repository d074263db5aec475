package org.loft4j.io;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.io.TinyHub.NAME;
import static org.loft4j.io.TinyHub.QUICK;
import static org.loft4j.io.TinyHub.WEIGHTS;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;

/** Downloads from a server that does not behave. From one that does: {@link HubTest}. */
class HubFaultsTest {
    /** Waits two seconds for what falls silent: less is passed by an answer that comes, where the machine has much to do. */
    private static final HubRetries IMPATIENT =
            new HubRetries(3, Duration.ofMillis(1), Duration.ofMillis(20), Duration.ofSeconds(2));

    @RegisterExtension
    final TinyHub tiny = new TinyHub();

    private final HubServer server = tiny.server;

    @Test
    void aCutConnectionIsTakenUpWhereItEnded() throws IOException {
        server.bodyFaults.add(HubServer.cutAfter(70_000));
        server.bodyFaults.add(HubServer.cutAfter(50_000));
        Path snapshot = tiny.hub().snapshot(NAME);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        List<@Nullable String> ranges = tiny.ranges();
        assertEquals(3, ranges.size(), ranges.toString());
        assertNull(ranges.get(0));
        assertEquals("bytes=70000-", ranges.get(1));
        assertEquals("bytes=120000-", ranges.get(2));
    }

    @Test
    void aLaterCallGoesOnWhereAnEarlierOneGaveUp() throws IOException {
        for (int i = 0; i < 3; i++) {
            server.bodyFaults.add(HubServer.cutAfter(20_000));
        }
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("goes on after 60000 bytes"), failure.getMessage());
        assertNothingUsable();
        assertEquals(60_000, Files.size(tiny.incomplete()));
        server.requests.clear();
        Path snapshot = tiny.hub().snapshot(NAME);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        assertEquals(List.of("bytes=60000-"), tiny.ranges());
        assertFalse(Files.exists(tiny.incomplete()));
    }

    @Test
    void aServerThatIgnoresRangesIsReadFromTheStart() throws IOException {
        server.bodyFaults.add(HubServer.cutAfter(70_000));
        server.bodyFaults.add(HubServer::whole);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
    }

    /** A mirror may answer without the hub's word for it. */
    @Test
    void aListedFileThatIsNotThereIsNamed() {
        server.headFaults.add(HubServer.status(404));
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("lists a file on"), failure.getMessage());
        assertTrue(failure.getMessage().contains("/resolve/"), failure.getMessage());
    }

    @Test
    void aPartThatWasNotAskedForIsNotAppended() throws IOException {
        server.bodyFaults.add(HubServer.cutAfter(70_000));
        server.bodyFaults.add((exchange, content) -> HubServer.part(exchange, content, 69_000, content.length));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aPartOfAnotherFileIsNotAppended() throws IOException {
        server.bodyFaults.add(HubServer.cutAfter(70_000));
        server.bodyFaults.add((exchange, content) -> HubServer.part(exchange, content, 70_000, content.length + 1));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void piecesThatDoNotFitTogetherAreFetchedOnceMore() throws IOException {
        Files.createDirectories(tiny.incomplete().getParent());
        Files.write(tiny.incomplete(), new byte[1000]); // of another file
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
        assertEquals(Arrays.asList("bytes=1000-", null), tiny.ranges());
    }

    /** Its locks and ours do not see each other, so that it may write at the same time. */
    @Test
    void whatThePythonLibraryGathersIsLeftToIt() throws IOException {
        byte[] half = Arrays.copyOf(WEIGHTS, WEIGHTS.length / 2);
        Path theirs = tiny.incomplete().resolveSibling(HubServer.sha256(WEIGHTS) + ".incomplete");
        Files.createDirectories(theirs.getParent());
        Files.write(theirs, half);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
        assertArrayEquals(half, Files.readAllBytes(theirs));
        assertFalse(Files.exists(tiny.incomplete()));
    }

    @Test
    void aRangePastTheEndStartsOver() throws IOException {
        Files.createDirectories(tiny.incomplete().getParent());
        Files.write(tiny.incomplete(), new byte[1000]);
        server.bodyFaults.add(HubServer.status(416));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aFileThatIsTooLongIsThrownAway() throws IOException {
        Files.createDirectories(tiny.incomplete().getParent());
        Files.write(tiny.incomplete(), new byte[WEIGHTS.length + 1]);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aWrongChecksumIsRefused() throws IOException {
        server.bodyFaults.add((exchange, content) -> {
            byte[] other = content.clone();
            other[123_456] ^= 1;
            HubServer.whole(exchange, other);
        });
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("checksum"), failure.getMessage());
        assertNothingUsable();
        assertFalse(Files.exists(tiny.incomplete()), "what was wrong is not kept");
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aWrongChecksumOfASmallFileIsRefusedToo() throws IOException {
        String etag = HubServer.gitSha1("{ }".getBytes(StandardCharsets.UTF_8));
        server.answers.put("HEAD config.json", (exchange, content) -> {
            exchange.getResponseHeaders().set("ETag", '"' + etag + '"');
            HubServer.whole(exchange, content);
        });
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("config.json arrived with another checksum"), failure.getMessage());
        assertFalse(Files.exists(tiny.repository().resolve("blobs").resolve(etag)));
        // the weights may have come meanwhile
        assertFalse(Files.exists(tiny.repository().resolve("snapshots")));
        assertFalse(Files.exists(tiny.repository().resolve("refs")));
    }

    @Test
    void moreBytesThanAnnouncedAreRefused() throws IOException {
        server.bodyFaults.add((exchange, content) -> {
            exchange.sendResponseHeaders(200, 0); // chunked: of no announced length
            exchange.getResponseBody().write(content);
            exchange.getResponseBody().write(content);
        });
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("longer than the hub says (200000 bytes)"), failure.getMessage());
        assertNothingUsable();
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void fewerBytesThanAnnouncedAreNotTheFile() throws IOException {
        for (int i = 0; i < 3; i++) {
            // ends without a fault, as if that were all
            server.bodyFaults.add((exchange, content) -> HubServer.whole(exchange, Arrays.copyOf(content, 1000)));
        }
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("after 1000 of 200000 bytes"), failure.getMessage());
        assertNothingUsable();
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aConnectionThatFallsSilentIsCut() throws IOException {
        server.bodyFaults.add(HubServer.silentAfter(70_000));
        Path snapshot = new Hub(tiny.environment(null, false), IMPATIENT, HubListener.NONE).snapshot(NAME);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        assertEquals(2, server.bodies("model.safetensors"));
    }

    @Test
    void aListOfFilesThatFallsSilentIsAskedForAgain() {
        server.listingFaults.add(HubServer.silentAfter(10));
        Hub hub = new Hub(tiny.environment(null, false), IMPATIENT, HubListener.NONE);
        // the server is silent for 100
        assertTimeoutPreemptively(Duration.ofSeconds(50), () -> {
            hub.snapshot(NAME);
        });
    }

    @Test
    void faultsThatPassAreTriedAgain() throws IOException {
        server.listingFaults.add(HubServer.status(500));
        server.listingFaults.add(HubServer.cutAfter(10));
        server.headFaults.add(HubServer.status(503));
        server.headFaults.add(HubServer.status(429, "Retry-After", "3600"));
        server.bodyFaults.add(HubServer.status(502));
        List<String> retried = new ArrayList<>();
        HubListener listener = new HubListener() {
            @Override
            public void onRetry(String what, String failure, Duration wait) {
                retried.add(what + ": " + failure);
                assertTrue(wait.compareTo(QUICK.most()) <= 0, wait.toString());
            }
        };
        Path snapshot = new Hub(tiny.environment(null, false), QUICK, listener).snapshot(NAME);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        assertEquals(5, retried.size(), retried.toString());
        assertEquals("the list of files: 127.0.0.1 answers with status 500", retried.get(0));
    }

    @Test
    void aServerThatStaysBrokenIsGivenUp() {
        for (int i = 0; i < 3; i++) {
            server.listingFaults.add(HubServer.status(500));
        }
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("answers with status 500"), failure.getMessage());
        assertEquals(3, server.requests.size());
    }

    /** Whichever part of it fails, and once. */
    @Test
    void aDownloadThatFailsIsToldOf() {
        List<String> told = new ArrayList<>();
        HubListener listener = new HubListener() {
            @Override
            public void onFailure(HubName name) {
                told.add(name.toString());
            }
        };
        Hub hub = new Hub(tiny.environment(null, false), QUICK, listener);
        CheckpointException unknown = new CheckpointException(tiny.cache, "is of an unknown family");
        CheckpointException refused = assertThrows(
                CheckpointException.class,
                () -> hub.snapshot(NAME, directory -> {
                    throw unknown;
                }));
        assertSame(unknown, refused);
        assertEquals(List.of(NAME.toString()), told);
        server.answers.put("HEAD model.safetensors", HubServer.status(502));
        assertThrows(HubException.class, () -> hub.snapshot(NAME, directory -> {}));
        assertEquals(2, told.size());
        server.answers.clear();
        server.answers.put("GET model.safetensors", HubServer.status(502));
        assertThrows(HubException.class, () -> hub.snapshot(NAME));
        assertEquals(3, told.size());
    }

    @Test
    void refusalsSayWhatToDoAndAreNotTriedAgain() {
        server.listingFaults.add(HubServer.status(401));
        server.listingFaults.add(HubServer.status(403, "X-Error-Code", "GatedRepo"));
        server.listingFaults.add(HubServer.status(404, "X-Error-Code", "RevisionNotFound"));
        server.listingFaults.add(HubServer.status(403));
        server.listingFaults.add(HubServer.status(401));
        HubException unknown = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(unknown.getMessage().contains("knows no such model"), unknown.getMessage());
        assertTrue(unknown.getMessage().contains("set HF_TOKEN"), unknown.getMessage());
        assertTrue(unknown.isUnknown());
        HubException gated = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(
                gated.getMessage().contains("accept its licence at " + server.endpoint() + "/org/tiny"),
                gated.getMessage());
        assertTrue(gated.getMessage().contains("set HF_TOKEN"), gated.getMessage());
        HubName other = Objects.requireNonNull(HubName.find("org/tiny@v2"));
        HubException revision =
                assertThrows(HubException.class, () -> tiny.hub().snapshot(other));
        assertTrue(revision.getMessage().contains("no branch, tag or commit v2"), revision.getMessage());
        HubException refused = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(refused.getMessage().contains("accept its licence"), refused.getMessage());
        HubException token =
                assertThrows(HubException.class, () -> tiny.hub("a-token").snapshot(NAME));
        assertTrue(token.getMessage().contains("the token that is set"), token.getMessage());
        assertFalse(token.getMessage().contains("a-token"), token.getMessage());
        assertEquals(5, server.requests.size());
    }

    @Test
    void aFileThatIsListedButMissingIsAFailure() throws IOException {
        server.alsoListed.add("tokenizer_config.json");
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("tokenizer_config.json"), failure.getMessage());
        assertNothingUsable();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../evil.safetensors", "/etc/evil", "a/../../evil.json", "..\\evil.json"})
    void aNameThatLeadsOutOfTheDirectoryIsRefused(String file) throws IOException {
        server.alsoListed.add(file);
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("leads out of the directory"), failure.getMessage());
        assertEquals(List.of(), tiny.everything());
    }

    @Test
    void anIndexThatLeadsOutOfTheDirectoryIsRefused() throws IOException {
        server.files.remove("model.safetensors");
        server.with("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"../../../../evil.safetensors\"}}");
        CheckpointException failure =
                assertThrows(CheckpointException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("evil.safetensors"), failure.getMessage());
        assertNothingUsable();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../../../evil", "..", "a/b", "", ".hidden"})
    void aChecksumThatIsNoNameIsRefused(String etag) throws IOException {
        server.headFaults.add((exchange, content) -> {
            exchange.getResponseHeaders().set("X-Linked-Etag", '"' + etag + '"');
            HubServer.whole(exchange, content);
        });
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("no checksum"), failure.getMessage());
        assertNothingUsable();
    }

    @Test
    void aRedirectInACircleEnds() {
        for (int i = 0; i < 50; i++) {
            server.headFaults.add((exchange, content) -> {
                exchange.getResponseHeaders()
                        .set("Location", exchange.getRequestURI().getPath());
                exchange.sendResponseHeaders(307, -1);
            });
        }
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("redirected more than 10 times"), failure.getMessage());
    }

    /** No weights under their name, no ref, and nobody takes what is there for a model. */
    private void assertNothingUsable() throws IOException {
        assertNull(tiny.hub().cached(NAME));
        assertFalse(Files.exists(tiny.repository().resolve("refs/main")), "refs/main");
        for (String file : tiny.everything()) {
            assertFalse(file.endsWith("model.safetensors"), file);
            assertFalse(file.endsWith("/" + HubServer.sha256(WEIGHTS)), file);
            assertFalse(file.contains("evil"), file);
        }
    }

    /** The page of a network that asks for a login, or a server without the hub's interface. */
    @Test
    void whatIsNoHubIsNamedByItsAddress() {
        for (String page : List.of("<html>sign in</html>", "{}")) {
            server.listingFaults.add((exchange, content) -> HubServer.whole(exchange, page.getBytes(UTF_8)));
            String told = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME))
                    .getMessage();
            assertTrue(told.contains("what answers at " + server.endpoint() + " is no hub"), told);
        }
    }

    @Test
    void aProxyThatAsksForALoginIsToldOnce() {
        server.listingFaults.add(HubServer.status(407, "Proxy-Authenticate", "Basic realm=\"x\""));
        String told = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME))
                .getMessage();
        assertTrue(told.contains("the proxy on the way asks for a login (status 407)"), told);
    }
}
