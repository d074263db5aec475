package org.loft4j.model;

import java.util.List;
import java.util.stream.Stream;
import org.loft4j.model.albert.AlbertModel;
import org.loft4j.model.bart.BartConfig;
import org.loft4j.model.bart.BartModel;
import org.loft4j.model.bert.BertModel;
import org.loft4j.model.deberta.DebertaConfig;
import org.loft4j.model.deberta.DebertaModel;
import org.loft4j.model.dinov2.Dinov2Config;
import org.loft4j.model.dinov2.Dinov2Model;
import org.loft4j.model.distilbert.DistilBertModel;
import org.loft4j.model.electra.ElectraModel;
import org.loft4j.model.modernbert.ModernBertConfig;
import org.loft4j.model.modernbert.ModernBertModel;
import org.loft4j.model.mpnet.MpnetConfig;
import org.loft4j.model.mpnet.MpnetModel;
import org.loft4j.model.roberta.RobertaConfig;
import org.loft4j.model.roberta.RobertaModel;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.t5.T5Config;
import org.loft4j.model.t5.T5Model;
import org.loft4j.model.vit.VitConfig;
import org.loft4j.model.vit.VitModel;

/** Families of encoders, of texts and of images, and of encoders with a decoder behind them. */
final class EncoderFamilies {
    static final List<Family> ALL = Stream.of(
                    Family.all(
                            AlbertModel.TASKS,
                            AlbertModel::open,
                            AlbertModel::random,
                            EncoderConfig::maxPositions,
                            AlbertModel.FAMILY),
                    Family.all(
                            BartModel.TASKS,
                            BartModel::open,
                            BartModel::random,
                            BartConfig::maxPositions,
                            BartModel.FAMILY,
                            BartModel.MULTILINGUAL,
                            BartModel.TRANSLATION,
                            BartModel.SUMMARIES),
                    Family.all(
                            BertModel.TASKS,
                            BertModel::open,
                            BertModel::random,
                            EncoderConfig::maxPositions,
                            BertModel.FAMILY),
                    Family.all(
                            DebertaModel.TASKS,
                            DebertaModel::open,
                            DebertaModel::random,
                            DebertaConfig::maxPositions,
                            DebertaModel.FAMILY),
                    Family.all(
                            DistilBertModel.TASKS,
                            DistilBertModel::open,
                            DistilBertModel::random,
                            EncoderConfig::maxPositions,
                            DistilBertModel.FAMILY),
                    Family.all(
                            ElectraModel.TASKS,
                            ElectraModel::open,
                            ElectraModel::random,
                            EncoderConfig::maxPositions,
                            ElectraModel.FAMILY),
                    Family.all(
                            Dinov2Model.TASKS,
                            Dinov2Model::open,
                            Dinov2Model::random,
                            Dinov2Config::states,
                            Dinov2Model.FAMILY,
                            Dinov2Model.WITH_REGISTERS),
                    Family.all(
                            ModernBertModel.TASKS,
                            ModernBertModel::open,
                            ModernBertModel::random,
                            ModernBertConfig::maxPositions,
                            ModernBertModel.FAMILY),
                    Family.all(
                            MpnetModel.TASKS,
                            MpnetModel::open,
                            MpnetModel::random,
                            MpnetConfig::maxPositions,
                            MpnetModel.FAMILY),
                    Family.all(
                            VitModel.TASKS,
                            VitModel::open,
                            VitModel::random,
                            VitConfig::states,
                            VitModel.FAMILY,
                            VitModel.DISTILLED),
                    Family.all(
                            RobertaModel.TASKS,
                            RobertaModel::open,
                            RobertaModel::random,
                            RobertaConfig::maxPositions,
                            "roberta",
                            "xlm-roberta",
                            "camembert"),
                    Family.all(
                            T5Model.TASKS,
                            T5Model::open,
                            T5Model::random,
                            T5Config::maxPositions,
                            T5Model.FAMILY,
                            T5Model.MULTILINGUAL))
            .flatMap(List::stream)
            .toList();

    private EncoderFamilies() {}
}
