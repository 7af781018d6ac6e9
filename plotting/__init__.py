"""Figures and tables from run folders. Imports neither TensorFlow nor MuJoCo."""
