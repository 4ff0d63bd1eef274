"""Transforms beside MONAI's: reading, sizing and corrupting images, and from a reconstruction to a calibrated score."""

from .anomaly_mask import AnomalyMask, AnomalyMaskD, AnomalyMaskd, AnomalyMaskDict
from .anomaly_record import AnomalyRecordD, AnomalyRecordd, AnomalyRecordDict
from .anomaly_score import AnomalyScore, AnomalyScoreD, AnomalyScored, AnomalyScoreDict
from .before_resizing import before_resizing
from .calibration import (
    Calibration,
    ZScoreMap,
    ZScoreMapD,
    ZScoreMapd,
    ZScoreMapDict,
    normal_quantile,
)
from .choose_corruption import choose_corruption
from .clahe import CLAHE, CLAHED, CLAHEd, CLAHEDict
from .codes import Codes, encode_mean, joint_features, pooled_features
from .combination import Combination, left_out_scores
from .combined_score import CombinedScore, CombinedScoreD, CombinedScored, CombinedScoreDict
from .component_maps import ComponentMaps, ComponentMapsD, ComponentMapsd, ComponentMapsDict
from .component_scores import ComponentScores
from .fixed_corruption import FixedCorruptiond
from .gaussian import Gaussian
from .load_grayscale import LoadGrayscale, LoadGrayscaleD, LoadGrayscaled, LoadGrayscaleDict
from .prediction import Prediction, split_prediction
from .rand_acquisition import RandAcquisition, RandAcquisitionD, RandAcquisitiond, RandAcquisitionDict
from .rand_coarse_noise import RandCoarseNoise, RandCoarseNoiseD, RandCoarseNoised, RandCoarseNoiseDict
from .rand_cut_paste import RandCutPaste, RandCutPasteD, RandCutPasted, RandCutPasteDict
from .rand_foreign_weight import RandForeignWeight, RandForeignWeightD, RandForeignWeightd, RandForeignWeightDict
from .rand_lesion import RandLesion, RandLesionD, RandLesiond, RandLesionDict
from .rand_mask_patches import RandMaskPatches, RandMaskPatchesD, RandMaskPatchesd, RandMaskPatchesDict
from .residual_map import ResidualMap, ResidualMapD, ResidualMapd, ResidualMapDict
from .resize_keep_aspect import ResizeKeepAspect, ResizeKeepAspectD, ResizeKeepAspectd, ResizeKeepAspectDict
from .scaled_map import ScaledMap, ScaledMapD, ScaledMapd, ScaledMapDict
from .score_definition import ScoreDefinition
from .source_layout import SourceLayoutD, SourceLayoutd, SourceLayoutDict
from .split_anomaly import SplitAnomalyD, SplitAnomalyd, SplitAnomalyDict
from .store_compact import (
    RestoreUnit,
    RestoreUnitD,
    RestoreUnitd,
    RestoreUnitDict,
    StoreCompact,
    StoreCompactD,
    StoreCompactd,
    StoreCompactDict,
)

__all__ = [
    "CLAHE",
    "CLAHED",
    "AnomalyMask",
    "AnomalyMaskD",
    "AnomalyMaskDict",
    "AnomalyMaskd",
    "AnomalyRecordD",
    "AnomalyRecordDict",
    "AnomalyRecordd",
    "AnomalyScore",
    "AnomalyScoreD",
    "AnomalyScoreDict",
    "AnomalyScored",
    "CLAHEDict",
    "CLAHEd",
    "Calibration",
    "Codes",
    "Combination",
    "CombinedScore",
    "CombinedScoreD",
    "CombinedScoreDict",
    "CombinedScored",
    "ComponentMaps",
    "ComponentMapsD",
    "ComponentMapsDict",
    "ComponentMapsd",
    "ComponentScores",
    "FixedCorruptiond",
    "Gaussian",
    "LoadGrayscale",
    "LoadGrayscaleD",
    "LoadGrayscaleDict",
    "LoadGrayscaled",
    "Prediction",
    "RandAcquisition",
    "RandAcquisitionD",
    "RandAcquisitionDict",
    "RandAcquisitiond",
    "RandCoarseNoise",
    "RandCoarseNoiseD",
    "RandCoarseNoiseDict",
    "RandCoarseNoised",
    "RandCutPaste",
    "RandCutPasteD",
    "RandCutPasteDict",
    "RandCutPasted",
    "RandForeignWeight",
    "RandForeignWeightD",
    "RandForeignWeightDict",
    "RandForeignWeightd",
    "RandLesion",
    "RandLesionD",
    "RandLesionDict",
    "RandLesiond",
    "RandMaskPatches",
    "RandMaskPatchesD",
    "RandMaskPatchesDict",
    "RandMaskPatchesd",
    "ResidualMap",
    "ResidualMapD",
    "ResidualMapDict",
    "ResidualMapd",
    "ResizeKeepAspect",
    "ResizeKeepAspectD",
    "ResizeKeepAspectDict",
    "ResizeKeepAspectd",
    "RestoreUnit",
    "RestoreUnitD",
    "RestoreUnitDict",
    "RestoreUnitd",
    "ScaledMap",
    "ScaledMapD",
    "ScaledMapDict",
    "ScaledMapd",
    "ScoreDefinition",
    "SourceLayoutD",
    "SourceLayoutDict",
    "SourceLayoutd",
    "SplitAnomalyD",
    "SplitAnomalyDict",
    "SplitAnomalyd",
    "StoreCompact",
    "StoreCompactD",
    "StoreCompactDict",
    "StoreCompactd",
    "ZScoreMap",
    "ZScoreMapD",
    "ZScoreMapDict",
    "ZScoreMapd",
    "before_resizing",
    "choose_corruption",
    "encode_mean",
    "joint_features",
    "left_out_scores",
    "normal_quantile",
    "pooled_features",
    "split_prediction",
]
