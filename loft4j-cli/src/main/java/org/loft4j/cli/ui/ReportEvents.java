package org.loft4j.cli.ui;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.io.Json;

/** What a report has of what is told of runs that are over: everything, but of very many lines of metrics those that curves need. */
final class ReportEvents implements Feed.Listener {
    /** Of one run, but for its evaluations, all of which are there. */
    static final int LINES = 8000;

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final List<UiEvent> others = new ArrayList<>();
    private final Map<String, Metrics> metrics = new LinkedHashMap<>();

    private record Metrics(ThinnedLines training, List<JsonNode> evaluations) {}

    @Override
    public void take(UiEvent event) throws IOException {
        JsonNode data = event.name().equals("lines") ? MAPPER.readTree(event.data()) : MAPPER.nullNode();
        if (!data.path("file").asText().equals("metrics")) {
            others.add(event);
            return;
        }
        Metrics run = metrics.computeIfAbsent(
                data.get("id").asText(), id -> new Metrics(new ThinnedLines(LINES), new ArrayList<>()));
        for (JsonNode line : data.get("lines")) {
            if (line.properties().stream().anyMatch(figure -> figure.getKey().startsWith("eval_"))) {
                run.evaluations().add(line);
            } else {
                run.training().add(line);
            }
        }
    }

    List<UiEvent> all() throws IOException {
        List<UiEvent> all = new ArrayList<>(others);
        for (Map.Entry<String, Metrics> run : metrics.entrySet()) {
            List<JsonNode> training = run.getValue().training().lines();
            Map<String, Object> data = new LinkedHashMap<>();
            data.put("id", run.getKey());
            data.put("file", "metrics");
            data.put("from_start", true);
            data.put("kept", training.size());
            data.put("of", run.getValue().training().count());
            List<JsonNode> lines = new ArrayList<>(training);
            lines.addAll(run.getValue().evaluations());
            data.put("lines", lines);
            all.add(new UiEvent("lines", Json.text(data)));
        }
        return all;
    }
}
