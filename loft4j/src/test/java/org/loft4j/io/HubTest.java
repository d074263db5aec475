package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;

/** Downloads from a server that behaves, and from one that does not. */
class HubTest {
    private static final HubName NAME = Objects.requireNonNull(HubName.find("org/tiny"));
    private static final HubRetries QUICK =
            new HubRetries(3, Duration.ofMillis(1), Duration.ofMillis(20), Duration.ofSeconds(5));
    private static final byte[] WEIGHTS = random(200_000);
    private static final String CONFIG = "{\"model_type\": \"llama\"}";

    @TempDir
    Path cache;

    private HubServer server;

    @BeforeEach
    void start() throws IOException {
        server = new HubServer()
                .with("README.md", "# Tiny")
                .with("config.json", CONFIG)
                .with("tokenizer.json", "{}")
                .with("pytorch_model.bin", "a pickle")
                .with("model.safetensors", WEIGHTS);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void aModelIsLaidOutAsPythonExpectsIt() throws IOException {
        Path snapshot = hub().snapshot(NAME);
        assertEquals(repository().resolve("snapshots").resolve(HubServer.COMMIT), snapshot);
        assertEquals(List.of("config.json", "model.safetensors", "tokenizer.json"), names(snapshot));
        assertEquals(CONFIG, Files.readString(snapshot.resolve("config.json")));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        assertEquals(HubServer.COMMIT, Files.readString(repository().resolve("refs/main")));
        assertEquals(
                Path.of("../../blobs/" + HubServer.sha256(WEIGHTS)),
                Files.readSymbolicLink(snapshot.resolve("model.safetensors")));
        assertEquals(
                List.of(
                        HubServer.gitSha1(CONFIG.getBytes()),
                        HubServer.gitSha1("{}".getBytes()),
                        HubServer.sha256(WEIGHTS)),
                names(repository().resolve("blobs")).stream()
                        .sorted((a, b) -> Integer.compare(order(a), order(b)))
                        .toList());
    }

    private static int order(String blob) {
        return blob.equals(HubServer.gitSha1(CONFIG.getBytes())) ? 0 : blob.length() == 40 ? 1 : 2;
    }

    @Test
    void furtherChatTemplatesComeToo() throws IOException {
        server.with("chat_template.jinja", "a")
                .with("additional_chat_templates/tool_use.jinja", "b")
                .with("additional_chat_templates/old/tool_use.jinja", "c")
                .with("additional_chat_templates/README.md", "d");
        Path snapshot = hub().snapshot(NAME);
        Path folder = snapshot.resolve("additional_chat_templates");
        assertEquals(List.of("tool_use.jinja"), names(folder));
        assertEquals("b", Files.readString(folder.resolve("tool_use.jinja")));
        server.requests.clear();
        assertEquals(snapshot, hub().snapshot(NAME));
        assertEquals(List.of(), server.requests);
    }

    @Test
    void whatIsInTheCacheIsTakenWithoutAQuestion() throws IOException {
        Path first = hub().snapshot(NAME);
        server.requests.clear();
        assertEquals(first, hub().snapshot(NAME));
        assertEquals(first, hub().cached(NAME));
        assertEquals(first, hub().snapshot(HubName.find("org/tiny@" + HubServer.COMMIT)));
        assertEquals(List.of(), server.requests);
    }

    @Test
    void aSnapshotWithoutTokenizerIsKnownToBeCompleteOnceTheHubHasSaidSo() throws IOException {
        server.files.remove("tokenizer.json");
        Path first = hub().snapshot(NAME);
        server.requests.clear();
        assertEquals(first, hub().snapshot(NAME));
        assertEquals(List.of(), server.requests);
    }

    @Test
    void whatPythonLeftIncompleteIsCompleted() throws IOException {
        Path snapshot = hub().snapshot(NAME);
        // as Python's AutoModel leaves it, which needs no tokenizer
        Files.delete(snapshot.resolve("tokenizer.json"));
        server.requests.clear();
        assertNull(hub().cached(NAME));
        assertEquals(snapshot, hub().snapshot(NAME));
        assertTrue(Files.exists(snapshot.resolve("tokenizer.json")));
        assertEquals(0, server.bodies("model.safetensors"), "the weights were there");
    }

    @Test
    void theTokenGoesToTheHubAlone() throws IOException {
        hub("a-token").snapshot(NAME);
        for (HubServer.Request request : server.requests) {
            assertEquals(request.host().equals("hub") ? "Bearer a-token" : null, request.token(), request.toString());
        }
        assertEquals(
                1,
                server.requests.stream()
                        .filter(each -> each.host().equals("elsewhere"))
                        .count());
    }

    @Test
    void aCutConnectionIsTakenUpWhereItEnded() throws IOException {
        server.bodyFaults.add(HubServer.cutAfter(70_000));
        server.bodyFaults.add(HubServer.cutAfter(50_000));
        Path snapshot = hub().snapshot(NAME);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        List<@Nullable String> ranges = ranges();
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
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("goes on after 60000 bytes"), failure.getMessage());
        assertNothingUsable();
        assertEquals(60_000, Files.size(incomplete()));
        server.requests.clear();
        Path snapshot = hub().snapshot(NAME);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        assertEquals(List.of("bytes=60000-"), ranges());
        assertFalse(Files.exists(incomplete()));
    }

    @Test
    void aServerThatIgnoresRangesIsReadFromTheStart() throws IOException {
        server.bodyFaults.add(HubServer.cutAfter(70_000));
        server.bodyFaults.add(HubServer::whole);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aPartThatWasNotAskedForIsNotAppended() throws IOException {
        server.bodyFaults.add(HubServer.cutAfter(70_000));
        server.bodyFaults.add((exchange, content) -> HubServer.part(exchange, content, 69_000, content.length));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aPartOfAnotherFileIsNotAppended() throws IOException {
        server.bodyFaults.add(HubServer.cutAfter(70_000));
        server.bodyFaults.add((exchange, content) -> HubServer.part(exchange, content, 70_000, content.length + 1));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void piecesThatDoNotFitTogetherAreFetchedOnceMore() throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), new byte[1000]); // of another file
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
        assertEquals(Arrays.asList("bytes=1000-", null), ranges());
    }

    /** Its locks and ours do not see each other, so that it may write at the same time. */
    @Test
    void whatThePythonLibraryGathersIsLeftToIt() throws IOException {
        byte[] half = Arrays.copyOf(WEIGHTS, WEIGHTS.length / 2);
        Path theirs = incomplete().resolveSibling(HubServer.sha256(WEIGHTS) + ".incomplete");
        Files.createDirectories(theirs.getParent());
        Files.write(theirs, half);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
        assertArrayEquals(half, Files.readAllBytes(theirs));
        assertFalse(Files.exists(incomplete()));
    }

    @Test
    void aRangePastTheEndStartsOver() throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), new byte[1000]);
        server.bodyFaults.add(HubServer.status(416));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aFileThatIsTooLongIsThrownAway() throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), new byte[WEIGHTS.length + 1]);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aWrongChecksumIsRefused() throws IOException {
        server.bodyFaults.add((exchange, content) -> {
            byte[] other = content.clone();
            other[123_456] ^= 1;
            HubServer.whole(exchange, other);
        });
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("checksum"), failure.getMessage());
        assertNothingUsable();
        assertFalse(Files.exists(incomplete()), "what was wrong is not kept");
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aWrongChecksumOfASmallFileIsRefusedToo() throws IOException {
        String etag = HubServer.gitSha1("{ }".getBytes());
        server.headFaults.add((exchange, content) -> {
            exchange.getResponseHeaders().set("ETag", '"' + etag + '"');
            HubServer.whole(exchange, content);
        });
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("config.json arrived with another checksum"), failure.getMessage());
        assertFalse(Files.exists(repository().resolve("blobs").resolve(etag)));
        assertNothingUsable();
    }

    @Test
    void moreBytesThanAnnouncedAreRefused() throws IOException {
        server.bodyFaults.add((exchange, content) -> {
            exchange.sendResponseHeaders(200, 0); // chunked: of no announced length
            exchange.getResponseBody().write(content);
            exchange.getResponseBody().write(content);
        });
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("longer than the hub says (200000 bytes)"), failure.getMessage());
        assertNothingUsable();
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void fewerBytesThanAnnouncedAreNotTheFile() throws IOException {
        for (int i = 0; i < 3; i++) {
            // ends without a fault, as if that were all
            server.bodyFaults.add((exchange, content) -> HubServer.whole(exchange, Arrays.copyOf(content, 1000)));
        }
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("after 1000 of 200000 bytes"), failure.getMessage());
        assertNothingUsable();
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aConnectionThatFallsSilentIsCut() throws IOException {
        server.bodyFaults.add((exchange, content) -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, 70_000);
            exchange.getResponseBody().flush();
            HubRetries.sleep(Duration.ofSeconds(20));
        });
        HubRetries impatient = new HubRetries(3, Duration.ofMillis(1), Duration.ofMillis(20), Duration.ofMillis(300));
        Path snapshot = new Hub(environment(null, false), impatient, HubListener.NONE).snapshot(NAME);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        assertEquals(2, server.bodies("model.safetensors"));
    }

    @Test
    void aListOfFilesThatFallsSilentIsAskedForAgain() {
        server.listingFaults.add((exchange, content) -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, 10);
            exchange.getResponseBody().flush();
            HubRetries.sleep(Duration.ofSeconds(20));
        });
        HubRetries impatient = new HubRetries(3, Duration.ofMillis(1), Duration.ofMillis(20), Duration.ofMillis(300));
        Hub hub = new Hub(environment(null, false), impatient, HubListener.NONE);
        assertTimeoutPreemptively(Duration.ofSeconds(15), () -> {
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
        Path snapshot = new Hub(environment(null, false), QUICK, listener).snapshot(NAME);
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        assertEquals(5, retried.size(), retried.toString());
        assertEquals("the list of files: 127.0.0.1 answers with status 500", retried.get(0));
    }

    @Test
    void aServerThatStaysBrokenIsGivenUp() {
        for (int i = 0; i < 3; i++) {
            server.listingFaults.add(HubServer.status(500));
        }
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("answers with status 500"), failure.getMessage());
        assertEquals(3, server.requests.size());
    }

    @Test
    void refusalsSayWhatToDoAndAreNotTriedAgain() {
        server.listingFaults.add(HubServer.status(401));
        server.listingFaults.add(HubServer.status(403, "X-Error-Code", "GatedRepo"));
        server.listingFaults.add(HubServer.status(404, "X-Error-Code", "RevisionNotFound"));
        server.listingFaults.add(HubServer.status(403));
        server.listingFaults.add(HubServer.status(401));
        HubException unknown = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(unknown.getMessage().contains("knows no such model"), unknown.getMessage());
        assertTrue(unknown.getMessage().contains("set HF_TOKEN"), unknown.getMessage());
        assertTrue(unknown.isUnknown());
        HubException gated = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(
                gated.getMessage().contains("accept its licence at " + server.endpoint() + "/org/tiny"),
                gated.getMessage());
        assertTrue(gated.getMessage().contains("set HF_TOKEN"), gated.getMessage());
        HubName other = Objects.requireNonNull(HubName.find("org/tiny@v2"));
        HubException revision = assertThrows(HubException.class, () -> hub().snapshot(other));
        assertTrue(revision.getMessage().contains("no branch, tag or commit v2"), revision.getMessage());
        HubException refused = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(refused.getMessage().contains("accept its licence"), refused.getMessage());
        HubException token =
                assertThrows(HubException.class, () -> hub("a-token").snapshot(NAME));
        assertTrue(token.getMessage().contains("the token that is set"), token.getMessage());
        assertFalse(token.getMessage().contains("a-token"), token.getMessage());
        assertEquals(5, server.requests.size());
    }

    @Test
    void aFileThatIsListedButMissingIsAFailure() throws IOException {
        server.alsoListed.add("tokenizer_config.json");
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("tokenizer_config.json"), failure.getMessage());
        assertNothingUsable();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../evil.safetensors", "/etc/evil", "a/../../evil.json", "..\\evil.json"})
    void aNameThatLeadsOutOfTheDirectoryIsRefused(String file) throws IOException {
        server.alsoListed.add(file);
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("leads out of the directory"), failure.getMessage());
        assertEquals(List.of(), everything());
    }

    @Test
    void anIndexThatLeadsOutOfTheDirectoryIsRefused() throws IOException {
        server.files.remove("model.safetensors");
        server.with("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"../../../../evil.safetensors\"}}");
        CheckpointException failure = assertThrows(CheckpointException.class, () -> hub().snapshot(NAME));
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
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
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
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("redirected more than 10 times"), failure.getMessage());
    }

    @Test
    void shardsAreThoseOfTheIndex() throws IOException {
        server.files.remove("model.safetensors");
        server.with("consolidated.safetensors", "the same once more")
                .with("model-00001-of-00002.safetensors", "first")
                .with("model-00002-of-00002.safetensors", "second")
                .with(
                        "model.safetensors.index.json",
                        "{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\","
                                + " \"b\": \"model-00002-of-00002.safetensors\"}}");
        Path snapshot = hub().snapshot(NAME);
        assertEquals("second", Files.readString(snapshot.resolve("model-00002-of-00002.safetensors")));
        assertFalse(Files.exists(snapshot.resolve("consolidated.safetensors")));
        // one shard gone: not a model any more, though all else is there
        Files.delete(snapshot.resolve("model-00001-of-00002.safetensors"));
        assertNull(hub().cached(NAME));
        server.requests.clear();
        hub().snapshot(NAME);
        assertEquals(0, server.bodies("model-00001-of-00002.safetensors"), "its blob is still there");
        assertNotNull(hub().cached(NAME));
    }

    @Test
    void picklesAreLeftWhereTheyAre() throws IOException {
        server.files.remove("model.safetensors");
        HubException failure = assertThrows(HubException.class, () -> hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("pytorch_model.bin"), failure.getMessage());
        assertTrue(failure.getMessage().contains("safetensors"), failure.getMessage());
        assertEquals(List.of(), everything());
    }

    @Test
    void offlineTheCacheIsAllThereIs() throws IOException {
        Hub offline = new Hub(environment(null, true), QUICK, HubListener.NONE);
        HubException failure = assertThrows(HubException.class, () -> offline.snapshot(NAME));
        assertTrue(failure.getMessage().contains("HF_HUB_OFFLINE"), failure.getMessage());
        assertTrue(failure.getMessage().contains(cache.toString()), failure.getMessage());
        assertEquals(List.of(), server.requests);
        Path snapshot = hub().snapshot(NAME);
        assertEquals(snapshot, offline.snapshot(NAME));
    }

    @Test
    void withoutAConnectionASnapshotWithItsWeightsWillDo() throws IOException {
        Path snapshot = hub().snapshot(NAME);
        Files.delete(snapshot.resolve("tokenizer.json"));
        Hub unreachable = hub();
        server.close();
        assertEquals(snapshot, unreachable.snapshot(NAME));
        HubName other = Objects.requireNonNull(HubName.find("org/other"));
        HubException failure = assertThrows(HubException.class, () -> unreachable.snapshot(other));
        assertTrue(failure.getMessage().contains("no connection"), failure.getMessage());
    }

    @Test
    void aBlobOfAnotherLengthIsReplaced() throws IOException {
        Path blob = repository().resolve("blobs").resolve(HubServer.sha256(WEIGHTS));
        Files.createDirectories(blob.getParent());
        Files.write(blob, Arrays.copyOf(WEIGHTS, 1000));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(hub().snapshot(NAME).resolve("model.safetensors")));
    }

    @Test
    void aListingOfPythonsSaysWhatIsMissing() throws IOException {
        Path snapshot = hub().snapshot(NAME);
        Path tree = repository().resolve("trees").resolve(HubServer.COMMIT + ".json");
        Files.createDirectories(tree.getParent());
        Files.writeString(
                tree,
                "{\"format_version\": 1, \"files\": {\"config.json\": {\"size\": 1, \"blob_id\": \"0\"},"
                        + " \"model.safetensors\": {\"size\": 1, \"blob_id\": \"0\"}}}");
        assertEquals(snapshot, hub().cached(NAME));
        Files.writeString(tree, Files.readString(tree).replace("\"config.json\"", "\"chat_template.jinja\""));
        assertNull(hub().cached(NAME));
    }

    @Test
    void severalAtOnceFetchAFileOnce() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Callable<Path>> calls = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                calls.add(() -> hub().snapshot(NAME));
            }
            for (Future<Path> each : threads.invokeAll(calls)) {
                assertArrayEquals(WEIGHTS, Files.readAllBytes(each.get().resolve("model.safetensors")));
            }
        } finally {
            threads.shutdownNow();
            assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS));
        }
        assertEquals(1, server.bodies("model.safetensors"));
    }

    @Test
    void aRevisionHasItsOwnRef() throws IOException {
        hub().snapshot(Objects.requireNonNull(HubName.find("org/tiny@refs/pr/3")));
        assertEquals(HubServer.COMMIT, Files.readString(repository().resolve("refs/refs/pr/3")));
        assertFalse(Files.exists(repository().resolve("refs/main")));
        assertTrue(server.requests.get(0).path().endsWith("/revision/refs%2Fpr%2F3"), server.requests.toString());
    }

    @Test
    void theNameOfASnapshotIsFoundAgain() throws IOException {
        Path snapshot = hub().snapshot(NAME);
        assertEquals(NAME, HubCache.nameOf(snapshot));
        Files.writeString(repository().resolve("refs/main"), "another0");
        assertEquals(HubName.find("org/tiny@" + HubServer.COMMIT), HubCache.nameOf(snapshot));
        assertEquals(HubName.find("gpt2@abcdef"), HubCache.nameOf(cache.resolve("models--gpt2/snapshots/abcdef")));
        assertNull(HubCache.nameOf(cache.resolve("datasets--a--b/snapshots/abcdef")));
        assertNull(HubCache.nameOf(cache));
        assertNull(HubCache.nameOf(Path.of("models", "MiniLM")));
    }

    private Hub hub() {
        return hub(null);
    }

    private Hub hub(@Nullable String token) {
        return new Hub(environment(token, false), QUICK, HubListener.NONE);
    }

    private HubEnvironment environment(@Nullable String token, boolean offline) {
        return new HubEnvironment(cache, server.endpoint(), token, offline);
    }

    private Path repository() {
        return cache.resolve("models--org--tiny");
    }

    private Path incomplete() {
        return repository().resolve("blobs").resolve(HubServer.sha256(WEIGHTS) + ".loft.incomplete");
    }

    /** The ranges that were asked for of the weights, where they lie. */
    private List<@Nullable String> ranges() {
        List<@Nullable String> ranges = new ArrayList<>();
        server.requests.stream()
                .filter(request -> request.host().equals("elsewhere"))
                .forEach(request -> ranges.add(request.range()));
        return ranges;
    }

    /** No weights under their name, no ref, and nobody takes what is there for a model. */
    private void assertNothingUsable() throws IOException {
        assertNull(hub().cached(NAME));
        assertFalse(Files.exists(repository().resolve("refs/main")), "refs/main");
        for (String file : everything()) {
            assertFalse(file.endsWith("model.safetensors"), file);
            assertFalse(file.endsWith("/" + HubServer.sha256(WEIGHTS)), file);
            assertFalse(file.contains("evil"), file);
        }
    }

    private List<String> everything() throws IOException {
        try (Stream<Path> files = Files.walk(cache)) {
            return files.filter(file -> !Files.isDirectory(file))
                    .map(Path::toString)
                    .sorted()
                    .toList();
        }
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(7).nextBytes(bytes);
        return bytes;
    }
}
