package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.HubEnvironment;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Task;

/** From a name to an adapter that keeps the name, and back to the model by it. */
class NamedModelEndToEndTest {
    private static final String COMMIT = "00112233445566778899aabbccddeeff00112233";
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    private final AtomicInteger requests = new AtomicInteger();
    private HttpServer server;
    private Path model;

    @BeforeEach
    void start() throws IOException {
        model = TinyModels.encoder(directory.resolve("on-the-hub"));
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            try (exchange) {
                requests.incrementAndGet();
                answer(exchange);
            }
        });
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    @Test
    void anAdapterOfANamedModelKeepsTheName() throws IOException {
        Path data = TinyModels.colours(directory.resolve("train.csv"), 16);
        Path run = directory.resolve("run");
        Captured trained = loft(
                "train",
                "--model",
                "org/tiny",
                "--data",
                data.toString(),
                "--output",
                run.toString(),
                "--rank",
                "2",
                "--max-steps",
                "2",
                "--batch-size",
                "4",
                "--max-length",
                "16");
        assertEquals(0, trained.status(), trained.err());
        assertTrue(trained.err().contains("downloading org/tiny: "), trained.err());
        assertTrue(trained.out().contains("predict --adapter"), trained.out());
        assertEquals(
                "org/tiny",
                json(run.resolve("adapter_config.json"))
                        .get("base_model_name_or_path")
                        .asText());
        assertEquals(
                "org/tiny",
                json(run.resolve("loft_task.json")).get("base_model").asText());
        assertTrue(Files.readString(run.resolve("config.yaml")).contains("model_name_or_path: org/tiny"));

        server.stop(0); // from here on the cache has to do
        Captured predicted = loft("predict", "--adapter", run.toString(), "--text", "red ball");
        assertEquals(0, predicted.status(), predicted.err());
        assertEquals("", predicted.err());
        Captured inspected = loft("inspect", "--json", run.toString());
        assertEquals(0, inspected.status(), inspected.err());
        assertTrue(JSON.readTree(inspected.out()).has("base_parameters"), inspected.out());
        Captured examined = loft("doctor", run.toString());
        assertEquals(0, examined.status(), examined.err());
        assertFalse(examined.out().contains("the base model was not looked at"), examined.out());
        Captured model = loft("doctor", "org/tiny");
        assertEquals(0, model.status(), model.err());
        assertTrue(model.out().startsWith("org/tiny: "), model.out());
        Captured absent = loft("doctor", "org/other");
        assertEquals(2, absent.status());
        assertTrue(absent.err().contains("not in the cache of the hub: "), absent.err());
        assertTrue(absent.err().contains(" download org/other"), absent.err());
        Path merged = directory.resolve("merged");
        Captured merge = loft("merge", "--adapter", run.toString(), "--output", merged.toString());
        assertEquals(0, merge.status(), merge.err());
        assertTrue(Files.isRegularFile(merged.resolve("tokenizer.json")));
        assertFalse(Files.isSymbolicLink(merged.resolve("tokenizer.json")));
    }

    @Test
    void downloadPrintsTheDirectory() throws IOException {
        Captured plain = loft("download", "org/tiny");
        assertEquals(0, plain.status(), plain.err());
        Path snapshot = directory.resolve("cache/models--org--tiny/snapshots").resolve(COMMIT);
        assertEquals(snapshot + System.lineSeparator(), plain.out());
        int asked = requests.get();
        JsonNode tree =
                JSON.readTree(loft("download", "--json", "org/tiny@" + COMMIT).out());
        assertEquals(asked, requests.get(), "it was there");
        assertEquals("org/tiny", tree.get("model").asText());
        assertEquals(COMMIT, tree.get("commit").asText());
        assertEquals(snapshot.toString(), tree.get("directory").asText());
        assertEquals(0, loft("download", "--update", "org/tiny").status());
        try (Stream<Path> files = Files.list(snapshot)) {
            assertEquals(
                    asked + 1 + files.count(),
                    requests.get(),
                    "whether the branch has moved on, and each file's length");
        }
        Captured wrong = loft("download", "not a name");
        assertEquals(2, wrong.status());
        assertTrue(wrong.err().contains("is not the name of a model on the hub"), wrong.err());
    }

    @Test
    void aNameWithoutAnOwnerIsThatOfADownloadedModel() throws IOException {
        Captured unknown = loft("doctor", "tiny");
        assertEquals(2, unknown.status());
        assertTrue(
                unknown.err().contains("tiny is not a directory, and a model on the hub is named with"), unknown.err());
        assertEquals(0, loft("download", "org/tiny").status());
        Path cache = directory.resolve("cache");
        Files.move(cache.resolve("models--org--tiny"), cache.resolve("models--tiny"));
        Captured known = loft("doctor", "tiny");
        assertEquals(0, known.status(), known.err());
        Captured predicted = loft("predict", "--model", "tiny", "--text", "red ball");
        assertFalse(predicted.err().contains("owner"), predicted.err());
    }

    /** Of the base of an adapter that is exported by itself config.json says all that is needed. */
    @Test
    void weightsThatNobodyReadsAreNotDownloaded() throws IOException {
        model = Fixtures.copy("llama_gqa", directory.resolve("llama"));
        Path snapshot = directory.resolve("cache/models--org--tiny/snapshots").resolve(COMMIT);
        String adapter = Fixtures.of("llama_gqa").resolve("adapter").toString();
        String file = directory.resolve("adapter.gguf").toString();
        Captured exported =
                loft("export", "--model", "org/tiny", "--adapter", adapter, "--adapter-only", "--output", file);
        assertEquals(0, exported.status(), exported.err());
        assertTrue(Files.exists(snapshot.resolve("config.json")));
        assertFalse(Files.exists(snapshot.resolve("model.safetensors")));
        int asked = requests.get();
        assertEquals(
                0,
                loft(
                                "export",
                                "--model",
                                "org/tiny",
                                "--adapter",
                                adapter,
                                "--adapter-only",
                                "--output",
                                file,
                                "--overwrite")
                        .status());
        assertEquals(asked, requests.get(), "it was there");
        assertEquals(0, loft("download", "org/tiny").status());
        assertTrue(Files.exists(snapshot.resolve("model.safetensors")));
    }

    /** As a model is, by every verb that takes one. */
    @Test
    void anAdapterMayBeNamedToo() {
        model = Fixtures.of("llama_gqa").resolve("adapter");
        String base = Fixtures.of("llama_gqa").toString();
        String file = directory.resolve("adapter.gguf").toString();
        String[] export = {"export", "--model", base, "--adapter", "org/tiny", "--adapter-only", "--output", file};
        Captured exported = loft(export);
        assertEquals(0, exported.status(), exported.err());
        assertTrue(exported.err().contains("downloading org/tiny: "), exported.err());
        int asked = requests.get();
        String merged = directory.resolve("merged").toString();
        Captured merge = loft("merge", "--model", base, "--adapter", "org/tiny", "--output", merged);
        assertEquals(0, merge.status(), merge.err());
        assertEquals(asked, requests.get(), "it was there");
        Captured neither = loft("merge", "--model", base, "--adapter", "./none", "--output", file);
        assertEquals(2, neither.status());
        assertTrue(
                neither.err().contains("--adapter ./none is not a directory, and not the name of a model"),
                neither.err());
    }

    @ParameterizedTest
    @CsvSource({"bert, gptq, quantization_config must be absent", "other, , model_type must be one of"})
    void aModelThatCannotBeOpenedIsRefusedBeforeItsWeightsAreDownloaded(
            String family, @Nullable String quantised, String fault) throws IOException {
        ObjectNode config = (ObjectNode) json(model.resolve("config.json"));
        config.put("model_type", family);
        if (quantised != null) {
            config.putObject("quantization_config").put("quant_method", quantised);
        }
        Files.writeString(model.resolve("config.json"), config.toString());
        Path snapshot = directory.resolve("cache/models--org--tiny/snapshots").resolve(COMMIT);
        Captured predicted = loft("predict", "--model", "org/tiny", "--text", "x");
        assertEquals(2, predicted.status(), predicted.err());
        assertTrue(predicted.err().contains(fault), predicted.err());
        assertFalse(Files.exists(snapshot.resolve("model.safetensors")));
        assertEquals(0, loft("download", "org/tiny").status());
        assertTrue(Files.exists(snapshot.resolve("model.safetensors")));
    }

    @Test
    void nothingIsDownloadedForACallThatIsWrong() {
        Captured call = loft("generate", "--model", "org/tiny", "--text", "x", "--max-new-tokens", "0");
        assertEquals(2, call.status());
        assertEquals(0, requests.get());
    }

    @Test
    void aNameThatNobodyKnowsIsNoDirectoryEither() {
        Captured unknown = loft("predict", "--model", "models/MiniLM", "--text", "x");
        assertEquals(1, unknown.status());
        assertTrue(unknown.err().contains("127.0.0.1 knows no such model"), unknown.err());
        assertTrue(unknown.err().contains("there is no directory models/MiniLM here; "), unknown.err());
        Captured neither = loft("predict", "--model", "./MiniLM", "--text", "x");
        assertEquals(2, neither.status());
        assertTrue(
                neither.err().contains("--model ./MiniLM is not a directory, and not the name of a model"),
                neither.err());
    }

    @Test
    void thePathInAnAdapterIsThatFromTheFolderOfTheTraining() throws IOException {
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        new TaskFile(Task.SEQUENCE_CLASSIFICATION, List.of("a", "b"), null, 16, "models/Gone", null).write(adapter);
        Captured call = loft("predict", "--adapter", adapter.toString(), "--text", "x");
        assertEquals(1, call.status());
        assertTrue(
                call.err()
                        .contains("its model models/Gone is not here (a path would be that from the folder of the"
                                + " training): there is no directory models/Gone here; models/Gone: "),
                call.err());
    }

    private Captured loft(String... args) {
        URI endpoint = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
        return Captured.loft(() -> new HubEnvironment(directory.resolve("cache"), endpoint, null, false), args);
    }

    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        if (path.equals("/api/models/org/tiny/revision/main")) {
            String names;
            try (Stream<Path> files = Files.list(model)) {
                names = files.map(file -> "{\"rfilename\": \"" + file.getFileName() + "\"}")
                        .collect(Collectors.joining(", "));
            }
            send(
                    exchange,
                    ("{\"sha\": \"" + COMMIT + "\", \"siblings\": [" + names + "]}").getBytes(StandardCharsets.UTF_8));
        } else if (path.startsWith("/org/tiny/resolve/" + COMMIT + "/")) {
            byte[] content = Files.readAllBytes(model.resolve(path.substring(path.lastIndexOf('/') + 1)));
            exchange.getResponseHeaders().set("X-Repo-Commit", COMMIT);
            exchange.getResponseHeaders().set("X-Linked-Etag", '"' + sha256(content) + '"');
            send(exchange, content);
        } else {
            exchange.sendResponseHeaders(401, -1);
        }
    }

    private static void send(HttpExchange exchange, byte[] content) throws IOException {
        boolean head = exchange.getRequestMethod().equals("HEAD");
        if (head) {
            exchange.getResponseHeaders().set("Content-Length", Integer.toString(content.length));
        }
        exchange.sendResponseHeaders(200, head ? -1 : content.length);
        if (!head) {
            exchange.getResponseBody().write(content);
        }
    }

    private static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private static JsonNode json(Path file) throws IOException {
        return JSON.readTree(Files.readString(file));
    }
}
