"""What the databases of the field are: names of files, landmarks, protocols, figures of the paper."""
