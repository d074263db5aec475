package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page in a real browser; skipped where there is none (Debian: apt-get install chromium). */
@Tag("slow")
class LivePageSlowTest {
    private static final String POINTS = "Number(document.querySelector('[data-chart=\"%s\"]')?.dataset.points ?? 0)";
    private static final String PIXELS = "document.querySelector('[data-chart=\"loss\"] canvas').toDataURL()";

    @TempDir
    Path directory;

    private RunFolder run;

    @BeforeEach
    void aRunThatGoesOn() throws Exception {
        Assumptions.assumeTrue(Chromium.installed() != null, "there is no Chromium");
        run = RunFolder.create(directory.resolve("runs/first"), 200);
        run.train(1, 20);
        run.evaluate(20, 1.5);
    }

    private Chromium chromium() throws Exception {
        return new Chromium(Objects.requireNonNull(Chromium.installed()), directory.resolve("profile"), 1400, 1200);
    }

    private static void assertQuiet(Chromium browser) {
        assertEquals(List.of(), List.copyOf(browser.complaints));
        for (String request : browser.requests) {
            assertTrue(request.matches("(http://127\\.0\\.0\\.1:[0-9]+/|data:|file:|about:).*"), request);
        }
    }

    @Test
    void theCurveMovesWhileTheRunGoesOn() throws Exception {
        try (UiServer server = UiServer.start(List.of(directory.resolve("runs")), 0, 50);
                Chromium browser = chromium()) {
            browser.open(server.address());
            // the raw line, the smooth one, and one evaluation
            browser.await(POINTS.formatted("loss") + " === 41");
            browser.await("document.querySelector('[data-chart=\"loss\"] canvas') !== null");
            assertEquals(
                    "20 / 200",
                    browser.evaluate("document.querySelector('[data-run=first] .progress').textContent")
                            .asText());
            String before = browser.evaluate(PIXELS).asText();

            run.train(21, 60);
            browser.await(POINTS.formatted("loss") + " === 121");
            assertNotEquals(before, browser.evaluate(PIXELS).asText());
            run.evaluate(60, 1.0);
            browser.await("document.querySelector('[data-run=first]').textContent.includes('loss 1 step 60')");
            assertEquals(
                    "running",
                    browser.evaluate("document.querySelector('[data-run=first]').dataset.status")
                            .asText());

            run.append(
                    "diagnostics.jsonl",
                    "{\"step\":0,\"layers\":[\"model.0.q\",\"model.0.v\"]}\n"
                            + "{\"step\":10,\"update_norm\":[1.0,2.0],\"condition_b\":[null,30.0]}\n"
                            + "{\"step\":20,\"update_norm\":[1.5,2.5],\"condition_b\":[10.0,20.0]}\n");
            browser.await("Number(document.querySelector('.heatmap').dataset.points) === 4");
            // layers are followed by a click, quantities chosen by another
            browser.evaluate("document.querySelectorAll('.names span')[1].click()");
            browser.await(POINTS.formatted("layers") + " === 2");
            String layer = "document.querySelector('select[aria-label=\"layer to follow\"]')";
            assertEquals("model.0.v", browser.evaluate(layer + ".value").asText());
            browser.evaluate(layer + ".focus()");
            browser.press("ArrowUp", 38);
            browser.await(
                    "document.querySelector('[data-chart=layers] figcaption').textContent.includes('of model.0.q')");
            browser.press("ArrowUp", 38);
            browser.await(POINTS.formatted("layers") + " === 6");
            browser.press("End", 35);
            browser.await(POINTS.formatted("layers") + " === 2");
            browser.evaluate("document.querySelectorAll('.tabs button')[1].click()");
            browser.await("document.querySelector('[data-chart=layers] figcaption').textContent.startsWith('cond')");

            run.append(
                    "samples.jsonl", "{\"step\":20,\"prompt\":\"Once\",\"text\":\"<img src=x onerror=alert(1)>\"}\n");
            browser.await("document.querySelector('#samples q')?.textContent === '<img src=x onerror=alert(1)>'");

            // what is clicked or has the focus outlives the figures beside it
            browser.evaluate(
                    "for (const what of ['[data-run=first] .swatch', '.tabs button', '.bar option', '.names span', '#results table'])"
                            + " document.querySelector(what).kept = true");
            browser.evaluate("document.querySelector('[data-run=first] .swatch').focus()");
            run.train(61, 62);
            browser.await(POINTS.formatted("loss") + " === 126");
            browser.await("['[data-run=first] .swatch', '.tabs button', '.bar option', '.names span', '#results table']"
                    + ".every(what => document.querySelector(what).kept)");
            browser.await("document.activeElement === document.querySelector('[data-run=first] .swatch')");

            RunFolder second = RunFolder.create(directory.resolve("runs/second"), 200);
            second.train(1, 30);
            browser.await(POINTS.formatted("loss") + " === 126 + 60");
            browser.evaluate("document.querySelector('[data-run=first] .swatch').click()");
            browser.await(POINTS.formatted("loss") + " === 60");
            assertQuiet(browser);
        }
    }

    /** Those of a learning rate were 0.0015, 0.001 and 5.00e-4. */
    @Test
    void theNumbersBesideAnAxisAreWrittenAlike() throws Exception {
        try (UiServer server = UiServer.start(List.of(directory.resolve("runs")), 0, 50);
                Chromium browser = chromium()) {
            browser.open(server.address());
            browser.await(POINTS.formatted("loss") + " === 41");
            String ticks = "import('loft/format').then(format => format.ticks([%s]).join(' '))";
            assertEquals(
                    "0 5e-4 1e-3 1.5e-3",
                    browser.evaluate(ticks.formatted("0, 0.0005, 0.001, 0.0015"))
                            .asText());
            assertEquals(
                    "-0.5 0  2,000",
                    browser.evaluate(ticks.formatted("-0.5, 0, null, 2000")).asText());
            String bytes =
                    "import('loft/format').then(format => format.byteTicks([%s]).concat(format.bytes(null)).join(' '))";
            assertEquals(
                    "299.5 MB 300.0 MB 300.5 MB –",
                    browser.evaluate(bytes.formatted("299.5e6, 300e6, 300.5e6")).asText());
            assertEquals(
                    "3.02 GB 3.04 GB –",
                    browser.evaluate(bytes.formatted("3.02e9, 3.04e9")).asText());
        }
    }

    /** The values as they were logged are read out, and not the smoothed ones. */
    @Test
    void theReadoutTellsWhatWasLogged() throws Exception {
        run.append("metrics.jsonl", "{\"step\":21,\"loss\":7.25}\n");
        try (UiServer server = UiServer.start(List.of(directory.resolve("runs")), 0, 50);
                Chromium browser = chromium()) {
            browser.open(server.address());
            browser.await("document.querySelector('[data-chart=loss] .readout')?.textContent.includes('7.25')");
            assertQuiet(browser);
        }
    }

    /** The first run has not what is shown; the space between least and largest is filled in the second one's colour, #d55e00. */
    @Test
    void theBandOfTheLayersIsThatOfItsRun() throws Exception {
        String names = "{\"step\":0,\"layers\":[\"model.0.q\",\"model.0.v\"]}\n";
        run.append("diagnostics.jsonl", names + "{\"step\":10,\"update_norm\":[1.0,2.0]}\n");
        RunFolder second = RunFolder.create(directory.resolve("runs/second"), 200);
        second.train(1, 20);
        second.append(
                "diagnostics.jsonl",
                names + "{\"step\":10,\"update_norm\":[1.0,2.0],\"turn\":[0.1,0.8]}\n"
                        + "{\"step\":20,\"update_norm\":[1.5,2.5],\"turn\":[0.2,0.9]}\n");
        try (UiServer server = UiServer.start(List.of(directory.resolve("runs")), 0, 50);
                Chromium browser = chromium()) {
            browser.open(server.address());
            browser.await("document.querySelectorAll('.tabs button').length === 2");
            browser.evaluate("document.querySelectorAll('.tabs button')[1].click()");
            browser.await(POINTS.formatted("layers") + " === 6");
            assertQuiet(browser);
            // reading pixels again and again is complained of
            browser.await("(() => { const canvas = document.querySelector('[data-chart=layers] canvas');"
                    + " const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
                    + " let filled = 0;"
                    + " for (let i = 0; i < data.length; i += 4)"
                    + " filled += data[i] > 190 && data[i + 2] < 40 && data[i + 3] > 30 && data[i + 3] < 60;"
                    + " return filled > 1000; })()");
        }
    }

    /** The latest answers stand there, unless the slider has chosen others; what a model writes is text, whatever it looks like. */
    @Test
    void theAnswersOfAStepAreChosenByTheSlider() throws Exception {
        String line =
                "{\"step\":%d,\"eval\":false,\"prompt\":\"Once\",\"completion\":\"%s\",\"reward\":%s,\"ended\":%s}\n";
        run.append("completions.jsonl", line.formatted(10, "<b>ten</b>", "0.25", "false"));
        run.append("completions.jsonl", line.formatted(10, "a second one", "1", "true"));
        run.append("completions.jsonl", line.formatted(20, "twenty", "0.5", "true"));
        String said = "[...document.querySelectorAll('#answers q')].map(one => one.textContent).join()";
        String slider = "document.querySelector('#answers input')";
        try (UiServer server = UiServer.start(List.of(directory.resolve("runs")), 0, 50);
                Chromium browser = chromium()) {
            browser.open(server.address());
            browser.await(said + " === 'twenty'");
            assertEquals(
                    "1 of them",
                    browser.evaluate("document.querySelectorAll('#answers article').length + ' of them'")
                            .asText());

            browser.evaluate(slider + ".value = 0; " + slider + ".dispatchEvent(new Event('input'))");
            browser.await(said + " === '<b>ten</b>,a second one'");
            assertEquals(
                    "0.25<b>ten</b> cut off",
                    browser.evaluate("document.querySelector('#answers li').textContent")
                            .asText());

            run.append("completions.jsonl", line.formatted(30, "thirty", "0.75", "true"));
            run.train(21, 30);
            browser.await(slider + ".max === '2'");
            assertEquals("<b>ten</b>,a second one", browser.evaluate(said).asText());
            browser.evaluate(slider + ".value = 2; " + slider + ".dispatchEvent(new Event('input'))");
            browser.await(said + " === 'thirty'");
            assertQuiet(browser);
        }
    }

    /** And comes back with nothing of what it had. */
    @Test
    void aRunWhoseFolderIsDeletedLeavesThePage() throws Exception {
        RunFolder second = RunFolder.create(directory.resolve("runs/second"), 200);
        second.train(1, 30);
        String colour = "getComputedStyle(document.querySelector('[data-run=second] .swatch')).backgroundColor";
        try (UiServer server = UiServer.start(List.of(directory.resolve("runs")), 0, 50);
                Chromium browser = chromium()) {
            browser.open(server.address());
            browser.await(POINTS.formatted("loss") + " === 41 + 60");
            assertEquals("rgb(213, 94, 0)", browser.evaluate(colour).asText());
            try (Stream<Path> files = Files.list(second.directory())) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(second.directory());
            browser.await(POINTS.formatted("loss") + " === 41");
            assertEquals(
                    "null",
                    browser.evaluate("String(document.querySelector('[data-run=second]'))")
                            .asText());
            RunFolder.create(directory.resolve("runs/second"), 200).train(1, 10);
            browser.await(POINTS.formatted("loss") + " === 41 + 20");
            assertEquals("rgb(213, 94, 0)", browser.evaluate(colour).asText());
            browser.emulateDark();
            browser.await(colour + " === 'rgb(240, 127, 55)'");
            assertQuiet(browser);
        }
    }

    /** #0072b2 on white, and #56b4e9 on what is dark. */
    @Test
    void aDarkPageIsPrintedInTheColoursOfTheLightOne() throws Exception {
        String drawn = "(() => { const canvas = document.querySelector('[data-chart=loss] canvas');"
                + " const {data} = canvas.getContext('2d', {willReadFrequently: true})"
                + ".getImageData(0, 0, canvas.width, canvas.height);"
                + " for (let i = 0; i < data.length; i += 4)"
                + " if (data[i] === %d && data[i + 1] === %d && data[i + 2] === %d) return true;"
                + " return false; })()";
        try (UiServer server = UiServer.start(List.of(directory.resolve("runs")), 0, 50);
                Chromium browser = chromium()) {
            browser.emulateDark();
            browser.open(server.address());
            browser.await(POINTS.formatted("loss") + " === 41");
            browser.await(drawn.formatted(0x56, 0xb4, 0xe9));
            browser.emulatePrint();
            browser.await(drawn.formatted(0x00, 0x72, 0xb2));
        }
    }

    /** A browser takes a refusal for the end, and does not ask again by itself. */
    @Test
    void aPageTooManyWaitsForItsTurn() throws Exception {
        List<InputStream> others = new ArrayList<>();
        try (UiServer server = UiServer.start(List.of(directory.resolve("runs")), 0, 50);
                Chromium browser = chromium()) {
            for (int i = 0; i < UiServer.CONNECTIONS; i++) {
                others.add(server.address().resolve("/events").toURL().openStream());
            }
            browser.open(server.address());
            String said = "document.getElementById('connection')?.textContent";
            browser.await(said + "?.startsWith('the server lets no further page in')");
            others.get(0).close();
            browser.await(said + " === 'live'");
            browser.await(POINTS.formatted("loss") + " === 41");
        } finally {
            for (InputStream other : others) {
                other.close();
            }
        }
    }

    @Test
    void theReportNeedsNoServer() throws Exception {
        run.train(21, 200);
        Path report = ReportPage.write(run.directory());
        try (Chromium browser = chromium()) {
            browser.open(report.toUri());
            browser.await(POINTS.formatted("loss") + " === 401");
            browser.emulateDark();
            browser.await("getComputedStyle(document.body).backgroundColor === 'rgb(18, 22, 28)'");
            assertQuiet(browser);
            browser.requests.forEach(request -> assertTrue(request.matches("(file|data|about):.*"), request));
        }
    }

    @Test
    void aReportOfAVeryLongRunSaysThatItIsThinned() throws Exception {
        run.train(21, 20_000);
        try (Chromium browser = chromium()) {
            browser.open(ReportPage.write(run.directory()).toUri());
            browser.await(POINTS.formatted("loss") + " > 2000");
            browser.await("/^thinned: [0-9],[0-9]{3} of 20,000 lines of metrics/"
                    + ".test(document.getElementById('connection').textContent)");
            assertQuiet(browser);
        }
    }

    /** With {@code -Dloft.screenshot=FILE -Dloft.screenshot.of=URL}: the picture of the documentation, from a run that goes on. */
    @Test
    void aPictureOnDemand() throws Exception {
        String file = System.getProperty("loft.screenshot");
        Assumptions.assumeTrue(file != null, "nobody wants a picture");
        try (Chromium browser = chromium()) {
            browser.open(URI.create(System.getProperty("loft.screenshot.of")));
            browser.await(POINTS.formatted("loss") + " > 20");
            Thread.sleep(1000);
            Files.write(Path.of(file), browser.screenshot());
            assertQuiet(browser);
        }
    }
}
