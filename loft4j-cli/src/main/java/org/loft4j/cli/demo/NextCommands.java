package org.loft4j.cli.demo;

import java.nio.file.Path;
import java.util.List;
import org.loft4j.train.Method;

/** What a person would want to do after the demo, as command lines to paste. */
final class NextCommands {
    private NextCommands() {}

    static List<String> of(DemoAssets assets, DemoSettings settings) {
        Method method = settings.methods().get(0);
        Path run = settings.output().resolve(method.word());
        String trained = method.usesAdapter()
                ? " --model " + quoted(assets.model()) + " --adapter " + quoted(run)
                : " --model " + quoted(run);
        Path test = assets.data().resolve(SentencePair.Split.TEST.fileName());
        return List.of(
                launcher() + " predict" + trained + " --text \"He should of called me yesterday.\"",
                launcher() + " eval" + trained + " --data " + quoted(test),
                method.usesAdapter()
                        ? launcher() + " merge" + trained + " --output "
                                + quoted(settings.output().resolve("merged"))
                        : launcher() + " inspect " + quoted(run));
    }

    private static String launcher() {
        return System.getProperty("os.name", "").startsWith("Windows") ? "loft" : "./loft";
    }

    private static String quoted(Path path) {
        String text = path.toString();
        return text.matches("[\\w@%+=:,./\\\\~-]+") ? text : '"' + text + '"';
    }
}
