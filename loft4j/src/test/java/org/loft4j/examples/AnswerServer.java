package org.loft4j.examples;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.loft4j.infer.Classifier;
import org.loft4j.infer.TextClassifier.Prediction;

/** A classifier behind a port of this machine: {@code POST /} with a text answers with its label and probability. */
final class AnswerServer implements AutoCloseable {
    private final Classifier classifier;
    private final ExecutorService threads = Executors.newFixedThreadPool(4);
    private final HttpServer server;

    /** @param trained what {@code loft train} left: the directory of an adapter, or of a model */
    AnswerServer(Path trained) throws IOException {
        classifier = Classifier.open(trained);
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.setExecutor(threads);
        server.start();
    }

    URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String text = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            Prediction prediction = classifier.classify(text);
            byte[] answer = (prediction.label() + " " + prediction.probability()).getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
        }
    }

    @Override
    public void close() {
        server.stop(1);
        threads.shutdown();
        classifier.close();
    }
}
