package org.loft4j.train;

import java.util.List;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.nn.Linear;
import org.loft4j.nn.MixtureOfExperts.SharedExpert;

/** What DoRA's magnitudes keep of a layer for the backward pass: its result, which most of those behind it keep as well. */
final class MagnitudeMemory {
    private MagnitudeMemory() {}

    /**
     * Numbers a row. What is kept with a bias comes before it, and with dropout is made of the input that is dropped, so that nothing else
     * keeps it.
     */
    static long kept(LayerShapes layer, Linear linear, LoraConfig lora, boolean half) {
        boolean own = linear.bias() != null || lora.dropout() > 0;
        return own || !isRead(layer, linear, half) ? linear.outFeatures() : 0;
    }

    /** Activations and gates read theirs again, attention its values, and norms of heads what they are given. */
    private static boolean isRead(LayerShapes layer, Linear linear, boolean half) {
        Looks looks = layer.looks();
        List<Linear> attention = layer.attention();
        int at = attention.indexOf(linear);
        if (at < 0) {
            List<Linear> all = layer.all();
            SharedExpert shared =
                    layer.mixture() == null ? null : layer.mixture().shared();
            return linear != all.get(all.size() - 1)
                    && (shared == null || linear != shared.expert().down());
        }
        if (looks == null || layer.latent() != null || attention.size() != 4) {
            return false;
        }
        return at == 2 || (at < 2 && looks.normed() && !(half && looks.widens()));
    }
}
