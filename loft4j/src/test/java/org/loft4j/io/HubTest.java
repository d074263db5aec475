package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.io.TinyHub.CONFIG;
import static org.loft4j.io.TinyHub.NAME;
import static org.loft4j.io.TinyHub.QUICK;
import static org.loft4j.io.TinyHub.WEIGHTS;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Downloads from a server that behaves, and the cache that they lie in. From one that does not: {@link HubFaultsTest}. */
class HubTest {
    @RegisterExtension
    final TinyHub tiny = new TinyHub();

    private final HubServer server = tiny.server;

    @Test
    void aModelIsLaidOutAsPythonExpectsIt() throws IOException {
        Path snapshot = tiny.hub().snapshot(NAME);
        assertEquals(tiny.repository().resolve("snapshots").resolve(HubServer.COMMIT), snapshot);
        assertEquals(List.of("config.json", "model.safetensors", "tokenizer.json"), TinyHub.names(snapshot));
        assertEquals(CONFIG, Files.readString(snapshot.resolve("config.json")));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(snapshot.resolve("model.safetensors")));
        assertEquals(HubServer.COMMIT, Files.readString(tiny.repository().resolve("refs/main")));
        assertEquals(
                Path.of("../../blobs/" + HubServer.sha256(WEIGHTS)),
                Files.readSymbolicLink(snapshot.resolve("model.safetensors")));
        assertEquals(
                List.of(
                        HubServer.gitSha1(CONFIG.getBytes(StandardCharsets.UTF_8)),
                        HubServer.gitSha1("{}".getBytes(StandardCharsets.UTF_8)),
                        HubServer.sha256(WEIGHTS)),
                TinyHub.names(tiny.repository().resolve("blobs")).stream()
                        .sorted((a, b) -> Integer.compare(order(a), order(b)))
                        .toList());
    }

    private static int order(String blob) {
        return blob.equals(HubServer.gitSha1(CONFIG.getBytes(StandardCharsets.UTF_8)))
                ? 0
                : blob.length() == 40 ? 1 : 2;
    }

    @Test
    void furtherChatTemplatesComeToo() throws IOException {
        server.with("chat_template.jinja", "a")
                .with("additional_chat_templates/tool_use.jinja", "b")
                .with("additional_chat_templates/old/tool_use.jinja", "c")
                .with("additional_chat_templates/README.md", "d");
        Path snapshot = tiny.hub().snapshot(NAME);
        Path folder = snapshot.resolve("additional_chat_templates");
        assertEquals(List.of("tool_use.jinja"), TinyHub.names(folder));
        assertEquals("b", Files.readString(folder.resolve("tool_use.jinja")));
        server.requests.clear();
        assertEquals(snapshot, tiny.hub().snapshot(NAME));
        assertEquals(List.of(), server.requests);
    }

    /** Without them nobody would know how the vectors of a text are made. */
    @Test
    void theFilesOfSentenceTransformersComeToo() throws IOException {
        server.with("modules.json", "[]")
                .with("1_Pooling/config.json", "{\"a\": 1}")
                .with("2_Dense/config.json", "{}")
                .with("2_Dense/model.safetensors", "b")
                .with("2_Dense/pytorch_model.bin", "c")
                .with("sentence_bert_config.json", "{}")
                .with("config_sentence_transformers.json", "{\"c\": 1}");
        Path snapshot = tiny.hub().snapshot(NAME);
        assertEquals(
                List.of(
                        "1_Pooling",
                        "2_Dense",
                        "config.json",
                        "config_sentence_transformers.json",
                        "model.safetensors",
                        "modules.json",
                        "sentence_bert_config.json",
                        "tokenizer.json"),
                TinyHub.names(snapshot));
        assertEquals(
                "{\"a\": 1}", Files.readString(snapshot.resolve("1_Pooling").resolve("config.json")));
        assertEquals(List.of("config.json", "model.safetensors"), TinyHub.names(snapshot.resolve("2_Dense")));
    }

    @Test
    void whatIsInTheCacheIsTakenWithoutAQuestion() throws IOException {
        Path first = tiny.hub().snapshot(NAME);
        server.requests.clear();
        assertEquals(first, tiny.hub().snapshot(NAME));
        assertEquals(first, tiny.hub().cached(NAME));
        assertEquals(first, tiny.hub().snapshot(HubName.find("org/tiny@" + HubServer.COMMIT)));
        assertEquals(List.of(), server.requests);
    }

    @Test
    void aSnapshotWithoutTokenizerIsKnownToBeCompleteOnceTheHubHasSaidSo() throws IOException {
        server.files.remove("tokenizer.json");
        Path first = tiny.hub().snapshot(NAME);
        server.requests.clear();
        assertEquals(first, tiny.hub().snapshot(NAME));
        assertEquals(List.of(), server.requests);
    }

    @Test
    void whatPythonLeftIncompleteIsCompleted() throws IOException {
        Path snapshot = tiny.hub().snapshot(NAME);
        // as Python's AutoModel leaves it, which needs no tokenizer
        Files.delete(snapshot.resolve("tokenizer.json"));
        server.requests.clear();
        assertNull(tiny.hub().cached(NAME));
        assertEquals(snapshot, tiny.hub().snapshot(NAME));
        assertTrue(Files.exists(snapshot.resolve("tokenizer.json")));
        assertEquals(0, server.bodies("model.safetensors"), "the weights were there");
    }

    @Test
    void theTokenGoesToTheHubAlone() throws IOException {
        tiny.hub("a-token").snapshot(NAME);
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
    void shardsAreThoseOfTheIndex() throws IOException {
        server.files.remove("model.safetensors");
        server.with("consolidated.safetensors", "the same once more")
                .with("model-00001-of-00002.safetensors", "first")
                .with("model-00002-of-00002.safetensors", "second")
                .with(
                        "model.safetensors.index.json",
                        "{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\","
                                + " \"b\": \"model-00002-of-00002.safetensors\"}}");
        Path snapshot = tiny.hub().snapshot(NAME);
        assertEquals("second", Files.readString(snapshot.resolve("model-00002-of-00002.safetensors")));
        assertFalse(Files.exists(snapshot.resolve("consolidated.safetensors")));
        // one shard gone: not a model any more, though all else is there
        Files.delete(snapshot.resolve("model-00001-of-00002.safetensors"));
        assertNull(tiny.hub().cached(NAME));
        server.requests.clear();
        tiny.hub().snapshot(NAME);
        assertEquals(0, server.bodies("model-00001-of-00002.safetensors"), "its blob is still there");
        assertNotNull(tiny.hub().cached(NAME));
    }

    @Test
    void picklesAreLeftWhereTheyAre() throws IOException {
        server.files.remove("model.safetensors");
        HubException failure = assertThrows(HubException.class, () -> tiny.hub().snapshot(NAME));
        assertTrue(failure.getMessage().contains("pytorch_model.bin"), failure.getMessage());
        assertTrue(failure.getMessage().contains("safetensors"), failure.getMessage());
        assertEquals(List.of(), tiny.everything());
    }

    @Test
    void offlineTheCacheIsAllThereIs() throws IOException {
        Hub offline = new Hub(tiny.environment(null, true), QUICK, HubListener.NONE);
        HubException failure = assertThrows(HubException.class, () -> offline.snapshot(NAME));
        assertTrue(failure.getMessage().contains("HF_HUB_OFFLINE"), failure.getMessage());
        assertTrue(failure.getMessage().contains(tiny.cache.toString()), failure.getMessage());
        assertEquals(List.of(), server.requests);
        Path snapshot = tiny.hub().snapshot(NAME);
        assertEquals(snapshot, offline.snapshot(NAME));
        HubException update = assertThrows(HubException.class, () -> offline.download(NAME));
        assertTrue(
                update.getMessage().contains("HF_HUB_OFFLINE forbids to ask the hub for a newer one"),
                update.getMessage());
    }

    @Test
    void withoutAConnectionASnapshotWithItsWeightsWillDo() throws IOException {
        Path snapshot = tiny.hub().snapshot(NAME);
        Files.delete(snapshot.resolve("tokenizer.json"));
        Hub unreachable = tiny.hub();
        server.close();
        assertEquals(snapshot, unreachable.snapshot(NAME));
        HubName other = Objects.requireNonNull(HubName.find("org/other"));
        HubException failure = assertThrows(HubException.class, () -> unreachable.snapshot(other));
        assertTrue(failure.getMessage().contains("no connection"), failure.getMessage());
    }

    @Test
    void aBlobOfAnotherLengthIsReplaced() throws IOException {
        Path blob = tiny.repository().resolve("blobs").resolve(HubServer.sha256(WEIGHTS));
        Files.createDirectories(blob.getParent());
        Files.write(blob, Arrays.copyOf(WEIGHTS, 1000));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().snapshot(NAME).resolve("model.safetensors")));
    }

    /** As after a disk that was full, or a copy that was broken off. */
    @Test
    void anUpdateReplacesWhatHasAnotherLengthThanTheHubSays() throws IOException {
        Path weights = tiny.hub().snapshot(NAME).resolve("model.safetensors");
        Files.write(tiny.blob("model.safetensors"), Arrays.copyOf(WEIGHTS, 1000));
        assertEquals(1000, Files.size(weights));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().download(NAME).resolve("model.safetensors")));
        // and a copy, where there are no links
        Files.delete(weights);
        Files.write(weights, Arrays.copyOf(WEIGHTS, 1000));
        assertArrayEquals(WEIGHTS, Files.readAllBytes(tiny.hub().download(NAME).resolve("model.safetensors")));
    }

    @Test
    void aListingOfPythonsSaysWhatIsMissing() throws IOException {
        Path snapshot = tiny.hub().snapshot(NAME);
        Path tree = tiny.repository().resolve("trees").resolve(HubServer.COMMIT + ".json");
        Files.createDirectories(tree.getParent());
        Files.writeString(
                tree,
                "{\"format_version\": 1, \"files\": {\"config.json\": {\"size\": 1, \"blob_id\": \"0\"},"
                        + " \"model.safetensors\": {\"size\": 1, \"blob_id\": \"0\"}}}");
        assertEquals(snapshot, tiny.hub().cached(NAME));
        Files.writeString(tree, Files.readString(tree).replace("\"config.json\"", "\"chat_template.jinja\""));
        assertNull(tiny.hub().cached(NAME));
    }

    @Test
    void severalAtOnceFetchAFileOnce() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Callable<Path>> calls = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                calls.add(() -> tiny.hub().snapshot(NAME));
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
        tiny.hub().snapshot(Objects.requireNonNull(HubName.find("org/tiny@refs/pr/3")));
        assertEquals(HubServer.COMMIT, Files.readString(tiny.repository().resolve("refs/refs/pr/3")));
        assertFalse(Files.exists(tiny.repository().resolve("refs/main")));
        assertTrue(server.requests.get(0).path().endsWith("/revision/refs%2Fpr%2F3"), server.requests.toString());
    }

    @Test
    void theNameOfASnapshotIsFoundAgain() throws IOException {
        Path snapshot = tiny.hub().snapshot(NAME);
        assertEquals(NAME, HubCache.nameOf(snapshot));
        Files.writeString(tiny.repository().resolve("refs/main"), "another0");
        assertEquals(HubName.find("org/tiny@" + HubServer.COMMIT), HubCache.nameOf(snapshot));
        assertEquals(HubName.find("gpt2@abcdef"), HubCache.nameOf(tiny.cache.resolve("models--gpt2/snapshots/abcdef")));
        assertNull(HubCache.nameOf(tiny.cache.resolve("datasets--a--b/snapshots/abcdef")));
        assertNull(HubCache.nameOf(tiny.cache));
        assertNull(HubCache.nameOf(Path.of("models", "MiniLM")));
    }
}
