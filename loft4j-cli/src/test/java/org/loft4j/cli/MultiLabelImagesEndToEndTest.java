package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.infer.ImageClassifier;
import org.loft4j.infer.ImageLabeler;
import org.loft4j.io.Json;

/** Images of which each may be bright, striped, both or neither: tables, training, scores, predictions. */
class MultiLabelImagesEndToEndTest {
    @TempDir
    Path directory;

    private Path model;
    private Path lists;

    @BeforeEach
    void prepare() throws IOException {
        model = Files.createDirectory(directory.resolve("model"));
        Json.write(
                model.resolve("config.json"),
                Map.of(
                        "architectures", List.of("ViTForImageClassification"),
                        "model_type", "vit",
                        "hidden_size", 16,
                        "num_hidden_layers", 1,
                        "num_attention_heads", 2,
                        "intermediate_size", 32,
                        "image_size", 8,
                        "patch_size", 4,
                        "num_channels", 1));
        SplittableRandom random = new SplittableRandom(5);
        StringBuilder rows = new StringBuilder();
        StringBuilder columns = new StringBuilder("image,bright,striped,other\n");
        for (int i = 0; i < 32; i++) {
            boolean bright = (i & 1) == 1;
            boolean striped = (i & 2) == 2;
            BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_BYTE_GRAY);
            for (int p = 0; p < 64; p++) {
                int stripe = striped ? (p % 2 == 0 ? 50 : -50) : 0;
                image.getRaster().setSample(p % 8, p / 8, 0, (bright ? 160 : 60) + stripe + random.nextInt(30));
            }
            ImageIO.write(image, "png", directory.resolve(i + ".png").toFile());
            String names =
                    (bright ? "\"bright\"" : "") + (bright && striped ? "," : "") + (striped ? "\"striped\"" : "");
            rows.append("{\"image\":\"" + i + ".png\",\"labels\":[" + names + "]}\n");
            columns.append(i + ".png," + (bright ? 1 : 0) + "," + (striped ? 1 : 0) + ",0\n");
        }
        lists = Files.writeString(directory.resolve("lists.jsonl"), rows);
        Files.writeString(directory.resolve("columns.csv"), columns);
    }

    @Test
    void trainedJudgedAndAsked() throws IOException {
        Path base = directory.resolve("base");
        Captured trained = Captured.loft(
                "train",
                "--model",
                model.toString(),
                "--from-scratch",
                "--method",
                "full",
                "--problem-type",
                "multi_label_classification",
                "--data",
                directory.resolve("columns.csv").toString(),
                "--label-columns",
                "striped,bright",
                "--epochs",
                "20",
                "--batch-size",
                "8",
                "--learning-rate",
                "1e-2",
                "--output",
                base.toString());
        assertEquals(0, trained.status(), trained.err());
        assertTrue(
                trained.err().contains("; 2 labels, of which an image may have several: \"striped\", \"bright\""),
                trained.err());
        assertEquals(
                "multi_label_classification",
                Json.read(base.resolve("config.json")).findString("problem_type"));
        String card = Files.readString(base.resolve("README.md"));
        assertTrue(card.contains("an image may have several of them"), card);

        JsonNode scores = json(Captured.loft(
                "eval",
                "--model",
                base.toString(),
                "--data",
                lists.toString(),
                "--json",
                "--predictions",
                directory.resolve("told.jsonl").toString()));
        JsonNode told =
                ToldRows.of(directory.resolve("told.jsonl"), scores, null).get(0);
        assertTrue(Files.exists(Path.of(told.get("image").asText())), told.toString());
        assertTrue(told.get("labels").isArray() && told.get("predicted").isArray(), told.toString());
        assertTrue(scores.get("micro_f1").asDouble() > 0.95, scores.toString());
        assertEquals(32, scores.get("rows").asInt());

        // an adapter goes on with several labels, as config.json says
        Path run = directory.resolve("run");
        Captured adapted = Captured.loft(
                "train",
                "--model",
                base.toString(),
                "--data",
                lists.toString(),
                "--max-steps",
                "2",
                "--class-weights",
                "balanced",
                "--output",
                run.toString());
        assertEquals(0, adapted.status(), adapted.err());
        JsonNode asked = json(Captured.loft(
                "predict",
                "--adapter",
                run.toString(),
                "--image",
                directory.resolve("3.png").toString(),
                "--image",
                directory.resolve("0.png").toString(),
                "--threshold",
                "0.4",
                "--json"));
        assertEquals(2, asked.get("predictions").get(0).get("labels").size(), asked.toString());
        assertEquals(0, asked.get("predictions").get(1).get("labels").size(), asked.toString());
        assertThrows(ConfigException.class, () -> ImageClassifier.open(run));
        try (ImageLabeler labeler = ImageLabeler.open(run)) {
            assertEquals(
                    List.of("striped"),
                    labeler.label(List.of(directory.resolve("2.png"))).get(0).labels());
        }
        refused(
                "says one class of each image: several labels an image need a table (.csv, .tsv, .jsonl)",
                "eval",
                "--adapter",
                run.toString(),
                "--data",
                directory.toString());
        refused(
                "--problem-type regression is for texts, and the model",
                "train",
                "--model",
                base.toString(),
                "--data",
                lists.toString(),
                "--problem-type",
                "regression",
                "--output",
                directory.resolve("none").toString());
        refused(
                "--classes chooses images by the one class",
                "eval",
                "--adapter",
                run.toString(),
                "--data",
                lists.toString(),
                "--classes",
                "bright");
        refused(
                "--label-columns names no column for a label of the model, \"striped\"",
                "eval",
                "--adapter",
                run.toString(),
                "--data",
                directory.resolve("columns.csv").toString(),
                "--label-columns",
                "bright,other");
    }

    private static void refused(String words, String... call) {
        Captured captured = Captured.loft(call);
        assertTrue(captured.status() != 0 && captured.err().contains(words), captured.err());
    }

    private static JsonNode json(Captured call) throws IOException {
        assertEquals(0, call.status(), call.err());
        return new ObjectMapper().readTree(call.out());
    }
}
