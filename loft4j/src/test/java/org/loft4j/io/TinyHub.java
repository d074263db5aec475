package org.loft4j.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A model on a hub of one's own that a test asks, and the cache into which it is fetched; both are gone after the test. */
final class TinyHub implements AfterEachCallback {
    static final HubName NAME = Objects.requireNonNull(HubName.find("org/tiny"));
    static final HubRetries QUICK =
            new HubRetries(3, Duration.ofMillis(1), Duration.ofMillis(20), Duration.ofSeconds(5));
    static final byte[] WEIGHTS = random(200_000);
    static final String CONFIG = "{\"model_type\": \"llama\"}";

    final HubServer server;
    final Path cache;

    TinyHub() {
        try {
            cache = Files.createTempDirectory("tiny-hub");
            server = new HubServer()
                    .with("README.md", "# Tiny")
                    .with("config.json", CONFIG)
                    .with("tokenizer.json", "{}")
                    .with("pytorch_model.bin", "a pickle")
                    .with("model.safetensors", WEIGHTS);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Has the model's weights in so many shards in place of one file; their names. */
    List<String> shard(int count) {
        server.files.remove("model.safetensors");
        List<String> shards = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            shards.add("model-%05d-of-%05d.safetensors".formatted(i + 1, count));
            byte[] content = WEIGHTS.clone();
            content[0] = (byte) i;
            server.with(shards.get(i), content);
        }
        String map = shards.stream()
                .map(shard -> "\"" + shard + "\": \"" + shard + "\"")
                .collect(Collectors.joining(", "));
        server.with("model.safetensors.index.json", "{\"weight_map\": {" + map + "}}");
        return shards;
    }

    Hub hub() {
        return hub(null);
    }

    Hub hub(@Nullable String token) {
        return new Hub(environment(token, false), QUICK, HubListener.NONE);
    }

    HubEnvironment environment(@Nullable String token, boolean offline) {
        return new HubEnvironment(cache, server.endpoint(), token, offline);
    }

    Path repository() {
        return cache.resolve("models--org--tiny");
    }

    Path incomplete() {
        return incomplete("model.safetensors");
    }

    /** Where the bytes of a large file are gathered. */
    Path incomplete(String file) {
        return BlobDownload.incomplete(blob(file));
    }

    Path blob(String file) {
        return repository().resolve("blobs").resolve(HubServer.sha256(server.files.get(file)));
    }

    /** The ranges that were asked for of the weights, where they lie. */
    List<@Nullable String> ranges() {
        return ranges("");
    }

    /** The ranges that were asked for of large files whose names end so. */
    List<@Nullable String> ranges(String end) {
        List<@Nullable String> ranges = new ArrayList<>();
        server.requests.stream()
                .filter(request ->
                        request.host().equals("elsewhere") && request.path().endsWith(end))
                .forEach(request -> ranges.add(request.range()));
        return ranges;
    }

    List<String> everything() throws IOException {
        try (Stream<Path> files = Files.walk(cache)) {
            return files.filter(file -> !Files.isDirectory(file))
                    .map(Path::toString)
                    .sorted()
                    .toList();
        }
    }

    static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(7).nextBytes(bytes);
        return bytes;
    }

    @Override
    public void afterEach(ExtensionContext context) throws IOException {
        server.close();
        try (Stream<Path> files = Files.walk(cache)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
