package org.loft4j.cli.demo;

import java.nio.file.Path;
import java.util.List;
import org.loft4j.cli.report.Pasted;
import org.loft4j.train.Method;

/** What a person would want to do after the demo, as command lines to paste. */
final class NextCommands {
    private NextCommands() {}

    /** @param method whose run came to its end */
    static List<String> of(DemoAssets assets, DemoSettings settings, Method method) {
        Path run = settings.output().resolve(method.word());
        String trained = (method.usesAdapter() ? " --adapter " : " --model ") + Pasted.quoted(run);
        Path test = assets.data().resolve(SentencePair.Split.TEST.fileName());
        return List.of(
                Pasted.command() + " predict" + trained + " --text \"He should of called me yesterday.\"",
                Pasted.command() + " eval" + trained + " --data " + Pasted.quoted(test),
                method.usesAdapter()
                        ? Pasted.command() + " merge" + trained + " --output "
                                + Pasted.quoted(settings.output().resolve("merged"))
                        : Pasted.command() + " inspect " + Pasted.quoted(run));
    }
}
