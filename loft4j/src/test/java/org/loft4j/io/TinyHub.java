package org.loft4j.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A model on a hub of one's own that tests ask, and the cache into which it is fetched. */
final class TinyHub implements AutoCloseable {
    static final HubName NAME = Objects.requireNonNull(HubName.find("org/tiny"));
    static final HubRetries QUICK =
            new HubRetries(3, Duration.ofMillis(1), Duration.ofMillis(20), Duration.ofSeconds(5));
    static final byte[] WEIGHTS = random(200_000);
    static final String CONFIG = "{\"model_type\": \"llama\"}";

    final HubServer server;
    private final Path cache;

    TinyHub(Path cache) throws IOException {
        this.cache = cache;
        this.server = new HubServer()
                .with("README.md", "# Tiny")
                .with("config.json", CONFIG)
                .with("tokenizer.json", "{}")
                .with("pytorch_model.bin", "a pickle")
                .with("model.safetensors", WEIGHTS);
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
        return repository().resolve("blobs").resolve(HubServer.sha256(WEIGHTS) + ".loft.incomplete");
    }

    /** The ranges that were asked for of the weights, where they lie. */
    List<@Nullable String> ranges() {
        List<@Nullable String> ranges = new ArrayList<>();
        server.requests.stream()
                .filter(request -> request.host().equals("elsewhere"))
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
    public void close() {
        server.close();
    }
}
